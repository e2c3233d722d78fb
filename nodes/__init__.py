"""Steps of work: signatures to reads and writes, the execution of one node, models, prices, error categories."""

from .. import errors as errors  # `import nodes` from the repository's root fails here, instead of half working
