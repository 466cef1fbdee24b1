"""The keys of an explanation: the one the signature names, the others of the set, and those that are not in use."""

from collections.abc import Sequence
from typing import final

import msgspec

from doorward.crypto.signatures import SignatureKey
from doorward.methods.explaining import Change

__all__ = ["ExplainedKey", "KeyTry", "keys_to_try"]


@final
class ExplainedKey(msgspec.Struct, frozen=True):
    """A key that may have made the signature.

    Args:
        id: what it is called; told.
        verifier: what verifies with it; never told.
        in_use: whether requests are verified with it; False for a retired one or another caller's.
    """

    id: str
    verifier: SignatureKey
    in_use: bool = True


@final
class KeyTry(msgspec.Struct, frozen=True):
    """A key, and what it would mean if the signature were its own."""

    key: ExplainedKey
    changes: tuple[Change, ...]


def keys_to_try(keys: Sequence[ExplainedKey], presented_key_id: str) -> list[KeyTry]:
    """The named key first, then the others."""
    tries = [KeyTry(key, _changes(key, presented_key_id)) for key in keys]
    return sorted(tries, key=lambda one: (len(one.changes), not one.key.in_use))


def _changes(key: ExplainedKey, presented_key_id: str) -> tuple[Change, ...]:
    if not key.in_use:
        return (
            Change(
                "key.retired",
                f"the key is {key.id}, which is not in use here",
                "The sender still signs with a retired key, or with one of another place: give it the key that is in "
                "use, or let the old one count until nothing is signed with it any more.",
            ),
        )
    if key.id == presented_key_id:
        return ()
    return (
        Change(
            "key.other",
            f"the key is {key.id}, and not the one its keyid names",
            "Let the sender name the key it signs with: its keyid and its key have come apart.",
        ),
    )
