"""What is proved about a flow before it runs, one file per kind of proof."""
