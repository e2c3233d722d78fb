"""An airline's service desk: a recorded GPT-4o agent as a guarded flow, replayed on 120 real conversations.

The data is tau-bench's airline domain (Sierra, 2024, MIT licence); it is read from a folder that the
caller names and is no part of this repository. Run it:

    python -m examples.airline_desk replay --data DIR --conversations FILE [--approve all|gold|none]
"""
