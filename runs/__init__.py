"""Runs that survive a crash: journal, stores, lifecycle, requests, leases, and the App."""

from .. import errors as errors  # `import runs` from the repository's root fails here, instead of half working
