"""What must let an edge pass: conditions, limits, outcome matches, gates, budgets and retry, as data."""

from .. import errors as errors  # `import guards` from the repository's root fails here, instead of half working
