"""One module a peer: the same work, done as the peer's own documentation does it, and checked that it was done."""
