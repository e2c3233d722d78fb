"""What guideway costs beside its peers: `make bench` prints one table (docs/benchmarks.md says how to read it)."""
