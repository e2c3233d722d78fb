"""Diagrams: a neutral model of what is drawn, its extraction from a flow or a run, and renderers."""
