"""Diagrams: a neutral model of what is drawn, its extraction from a flow or a run, and renderers."""

from .. import errors as errors  # `import viz` from the repository's root fails here, instead of half working
from .formats import draw_flow as draw_flow
