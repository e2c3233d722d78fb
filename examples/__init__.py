"""Examples: agents that are built with guideway and run on real input."""
