"""Checks of a flow before it runs, one file per kind of proof."""
