"""The testing kit that ships to users: scripted models and what else a flow's tests need."""

from .. import errors as errors  # `import testing` from the repository's root fails here, instead of half working
from .following import follow
from .models import ScriptedModel

__all__ = ["ScriptedModel", "follow"]
