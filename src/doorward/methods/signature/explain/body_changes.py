"""What is covered of a body: Content-Digest and Content-Length as they were before something changed it."""

from collections.abc import Iterator, Sequence
from hashlib import sha256, sha512
from itertools import chain
from typing import Final

from doorward.methods.explaining import RAW_BODY_CURE, Bodies, Change
from doorward.methods.signature.components import Message
from doorward.methods.signature.digest import ExpectedDigest, content_digest
from doorward.methods.signature.explain.field_changes import Field
from doorward.methods.signature.explain.pieces import Alternative, component_key, with_field

__all__ = ["body_alternatives", "find_body"]

BODY_SEARCH_OCTETS_MAX: Final = 200_000_000
"""How much is hashed to find the body that was signed."""
BODY_ALTERNATIVES_MAX: Final = 400
"""How many bodies are tried under a signature."""

_COST_OCTETS: Final = 2_000
_HASHES: Final = {"sha-256": sha256, "sha-512": sha512}
_DROPPED: Final = Change(
    "field.digest",
    "Content-Digest is the digest of the body as it was received: the field was dropped or written anew",
    "Let the proxy pass Content-Digest on as it came.",
)


def body_alternatives(
    fields: Sequence[Field], message: Message, body: bytes, made_at: int | None
) -> Iterator[Alternative]:
    """Digest and length of the body as it may have been, for the fields that are covered."""
    covered = [field for field in fields if field.name in ("content-digest", "content-length")]
    if not covered:
        return
    yield Alternative(_DROPPED, _pieces(covered, message, body))
    octets = 0
    for number, variant in enumerate(Bodies(body, made_at=made_at).singles()):
        octets += len(variant.value) + _COST_OCTETS
        if number >= BODY_ALTERNATIVES_MAX or octets > BODY_SEARCH_OCTETS_MAX // 2:
            return
        yield Alternative(variant.changes[0], _pieces(covered, message, variant.value))


def _pieces(fields: list[Field], message: Message, body: bytes) -> tuple[tuple[str, bytes], ...]:
    found = []
    for field in fields:
        if field.name == "content-length":
            found.append((component_key(field.place), b"%d" % len(body)))
        else:
            there = b", ".join(message.lines(b"content-digest"))
            algorithm = "sha-512" if b"sha-512" in there and b"sha-256" not in there else "sha-256"
            line = content_digest(body, algorithm)
            found.append((component_key(field.place), field.resolver(with_field(message, b"content-digest", [line]))))
    return tuple(found)


def find_body(
    expected: Sequence[ExpectedDigest], body: bytes, made_at: int | None
) -> tuple[tuple[Change, ...] | None, int]:
    """What must be undone for the body to have its signed digest, none when it has; None when nothing helps.

    Also how many bodies were tried.
    """
    if _has(expected, body):
        return (), 1
    bodies = Bodies(body, made_at=made_at)
    octets, tried = 0, 1
    for variant in chain(bodies.singles(), bodies.pairs()):
        octets += len(variant.value) + _COST_OCTETS
        if octets > BODY_SEARCH_OCTETS_MAX:
            break
        tried += 1
        if _has(expected, variant.value):
            return variant.changes, tried
    return None, tried


def _has(expected: Sequence[ExpectedDigest], body: bytes) -> bool:
    return all(_HASHES[one.algorithm](body).digest() == one.digest for one in expected)


READ_BEFORE: Final = Change(
    "body.read",
    "The signature fits, and the body is empty where one was signed: something has read it before.",
    RAW_BODY_CURE,
)
