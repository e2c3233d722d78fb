"""Each page of a paper is read; a page or two may be lost."""

from __future__ import annotations

from guideway import START, Flow, each, failed, on
from tests.flows.check.corpus.desks.papers import Paper, filed, read_page, sum_up, unreadable

pages = each(read_page, name="read_pages", item="page", over="pages", into="texts", at_once=4, tolerate=0.2)

flow = Flow(
    "papers",
    state=Paper,
    edges=[on(START, pages), on(pages, failed() >> unreadable, sum_up), on(sum_up, filed)],
)
