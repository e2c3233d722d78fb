"""The command line."""

from .. import errors as errors  # `import cli` from the repository's root fails here, instead of half working
