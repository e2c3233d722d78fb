"""The example of research in rounds."""

from __future__ import annotations

from examples.deep_research import research_flow

flow = research_flow()
