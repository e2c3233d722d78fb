"""The flow as a value: edges, ends, manifest, hashes, and the semantics that decide where a run goes."""
