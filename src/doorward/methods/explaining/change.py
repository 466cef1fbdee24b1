"""A change that something on the way may have made, and a value as it would be without it."""

from typing import Final, Generic, TypeVar, final

import msgspec

__all__ = ["RAW_BODY_CURE", "Change", "Variant", "distinct"]

RAW_BODY_CURE: Final = (
    "Verify the bytes as they arrive, before anything parses them: `await request.body()` in FastAPI and Starlette, "
    "`request.body` in Django, `request.get_data()` in Flask, `express.raw()` in Express."
)


@final
class Change(msgspec.Struct, frozen=True):
    """One thing that is not as the sender signed it. Holds no secret and no signature."""

    name: str
    """Stable, for programs: `body.newline`."""
    fits_when: str
    """Completes `The signature fits when …`."""
    cure: str
    """What to change, a sentence."""


ValueT = TypeVar("ValueT")


@final
class Variant(msgspec.Struct, Generic[ValueT], frozen=True):
    """A value with the changes that lead to it from what was received; none for what was received."""

    value: ValueT
    changes: tuple[Change, ...] = ()

    def __repr__(self) -> str:
        return f"Variant({[change.name for change in self.changes]})"  # the value may be a key

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("changes", ", ".join(change.name for change in self.changes))]


def distinct(variants: list[Variant[bytes]], *, but: frozenset[bytes] = frozenset()) -> list[Variant[bytes]]:
    """The variants without repetition, each with its plainest explanation; none of the values in `but`."""
    seen = set(but)
    kept: list[Variant[bytes]] = []
    for variant in variants:
        if variant.value not in seen:
            seen.add(variant.value)
            kept.append(variant)
    return kept
