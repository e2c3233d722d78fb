"""Who holds which role: a mapping, a callable, or ``Anyone``; names are normalised before they are compared."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, cast

from ..errors import ConfigError, caller
from ..flows.flow import Flow
from ..flows.inside import flows_in, nodes_in
from ..guards.gates import Approval
from ..nodes.ask import Ask

_log = logging.getLogger("guideway")


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
        raise ConfigError("roles=Anyone must be called: roles=Anyone()", where=caller())
    if isinstance(given, Mapping):
        mapping = cast(Mapping[str, Any], given)
        for role, names in mapping.items():
            if isinstance(names, str):
                raise ConfigError(
                    f"roles={{{role!r}: {names!r}}} names one text: write {{{role!r}: {{{names!r}}}}}", where=caller()
                )
            if not isinstance(names, Collection) or isinstance(names, bytes):
                raise ConfigError(
                    f'roles={{{role!r}: {names!r}}} is no set of names: write {{{role!r}: {{"ann"}}}}', where=caller()
                )
        return roles
    if given is None or isinstance(given, Anyone) or callable(given):
        return roles
    raise ConfigError(
        f'roles={roles!r} must be a mapping such as {{"lead": {{"ann"}}}}, a callable, or Anyone()', where=caller()
    )


def asked_of(flow: Flow[Any]) -> set[str]:
    """The roles that a flow, and the flows inside of it, ask of.

    Args:
        flow: the flow.
    """
    gates = (gate for inner in flows_in(flow) for gate in inner.gates.values())
    found = {gate.role for gate in gates if isinstance(gate, Approval)}
    return found | {node.role for node in nodes_in(flow) if isinstance(node, Ask)}


def warn_of_nobody(flow: Flow[Any], roles: Roles | None) -> None:
    """Logs a warning of the roles that a flow asks of and a mapping gives to nobody: they are a no for everybody.

    Args:
        flow: the flow.
        roles: the App's roles.
    """
    given: Any = roles
    if not isinstance(given, Mapping):
        return
    mapping = cast(Mapping[str, Collection[str]], given)
    missing = sorted(role for role in asked_of(flow) if not mapping.get(role))
    if missing:
        _log.warning(
            "flow %r asks %s, and roles= names nobody for it: nobody can decide. Write roles={%r: {...}}; it has: %s",
            flow.name,
            ", ".join(repr(role) for role in missing),
            missing[0],
            ", ".join(repr(role) for role in mapping) or "none",
        )


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
