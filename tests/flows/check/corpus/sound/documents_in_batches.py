"""The example of a pipeline of documents, for a batch."""

from __future__ import annotations

from examples.documents import batch

flow = batch()
