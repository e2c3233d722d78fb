"""The flow as a value: edges, ends, manifest, hashes, and the semantics that decide where a run goes."""

from .. import errors as errors  # `import flows` from the repository's root fails here, instead of half working
