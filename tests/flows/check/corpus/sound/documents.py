"""The example of a pipeline of documents, for one of them."""

from __future__ import annotations

from examples.documents import document_flow

flow = document_flow
