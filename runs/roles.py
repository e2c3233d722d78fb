"""Who holds which role: a mapping, a callable, or ``Anyone``; names are normalised before they are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, cast

from ..errors import ConfigError


class Anyone:
    """Everybody holds every role: for demos and tests; each decision's record says so."""

    def __repr__(self) -> str:
        return "Anyone()"


Roles = Mapping[str, Collection[str]] | Callable[[str, str], bool] | Anyone
"""Role to names; or a function of role and name; or ``Anyone()``."""


class Holds(Protocol):
    """Whether somebody holds a role, and how that is known."""

    def __call__(self, role: str, name: str) -> bool:
        """Whether ``name`` holds ``role``."""
        ...


def normal(name: str) -> str:
    """A name as it is compared: Unicode NFKC, case folded, blanks trimmed and joined, what cannot be seen left out.

    Args:
        name: as somebody gave it.
    """
    seen = "".join(char for char in unicodedata.normalize("NFKC", name) if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def checked(roles: Roles | None) -> Roles | None:
    """The roles of an App, or a clear error.

    Args:
        roles: as an author gave them.

    Raises:
        ConfigError: they are none of the three forms.
    """
    given: Any = roles
    if given is Anyone:
        raise ConfigError("roles=Anyone must be called: roles=Anyone()")
    if isinstance(given, Mapping):
        mapping = cast(Mapping[str, Any], given)
        for role, names in mapping.items():
            if isinstance(names, str):
                raise ConfigError(f"roles={{{role!r}: {names!r}}} names one text: write {{{role!r}: {{{names!r}}}}}")
        return roles
    if given is None or isinstance(given, Anyone) or callable(given):
        return roles
    raise ConfigError(f'roles={roles!r} must be a mapping such as {{"lead": {{"ann"}}}}, a callable, or Anyone()')


def holds_role(roles: Roles | None, role: str, name: str) -> bool:
    """Whether somebody holds a role; unknown roles and missing mappings are a no.

    Args:
        roles: the App's roles.
        role: the role that is asked for.
        name: who wants to decide.
    """
    if not normal(name):
        return False
    if isinstance(roles, Anyone):
        return True
    if roles is None:
        return False
    given: Any = roles
    if isinstance(given, Mapping):
        return normal(name) in {normal(str(item)) for item in cast(Mapping[str, Any], given).get(role, ())}
    return given(role, name) is True
