"""placeholder"""
from .model import Diagram
from .render_dot import render_dot
from .graphviz import layout
def render_pdf(diagram: Diagram) -> bytes:
    return layout(render_dot(diagram), "jpg", dpi=200)
