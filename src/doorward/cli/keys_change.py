"""What `doorward keys change` asks for: what is not said stays as it is, what is said replaces what was."""

from typing import Final, TypeVar, final

import msgspec
from msgspec import UNSET, UnsetType

from doorward.cli.parse import parse_rate
from doorward.cli.problems import UsageProblem
from doorward.methods.apikey.order import KeyChanges
from doorward.values import RateLimit, Scopes

__all__ = ["NOTHING", "Nothing", "changes_of", "new_value"]

T = TypeVar("T")


@final
class Nothing(msgspec.Struct, frozen=True):
    """Asked for: none at all."""


NOTHING: Final = Nothing()


def new_value(value: T | None, *, none: bool, names: str) -> T | Nothing | None:
    """The new value, `NOTHING`, or None when nothing was said; both at once is a contradiction."""
    if value is not None and none:
        raise UsageProblem(f"{names} contradict each other: give one.")
    return NOTHING if none else value


def changes_of(
    *,
    name: str | None,
    scopes: list[str] | Nothing | None,
    networks: list[str] | Nothing | None,
    rate: str | Nothing | None,
) -> KeyChanges:
    """The changes.

    Raises:
        UsageProblem: nothing is to change.
    """
    if name is None and scopes is None and networks is None and rate is None:
        raise UsageProblem("Say what to change: --name, --scope, --network or --rate.")
    return KeyChanges(
        name=UNSET if name is None else name,
        scopes=UNSET if scopes is None else Scopes(*_listed(scopes)),
        networks=UNSET if networks is None else tuple(_listed(networks)),
        rate=_rate(rate),
    )


def _listed(said: list[str] | Nothing) -> list[str]:
    return [] if isinstance(said, Nothing) else said


def _rate(said: str | Nothing | None) -> RateLimit | UnsetType | None:
    if said is None:
        return UNSET
    return None if isinstance(said, Nothing) else parse_rate(said)
