"""What is covered of a body: Content-Digest and Content-Length as they were before something changed it."""

from collections.abc import Iterator, Sequence
from hashlib import sha256, sha512
from itertools import chain
from typing import Final

from doorward.errors import Rejected
from doorward.methods.explaining import RAW_BODY_CURE, STEP_UNITS, Bodies, Change, Variant, Work
from doorward.methods.signature.components import Message
from doorward.methods.signature.digest import ExpectedDigest, content_digest
from doorward.methods.signature.explain.field_changes import Field
from doorward.methods.signature.explain.pieces import Alternative, component_key, with_field

__all__ = ["body_alternatives", "find_body"]

BODY_UNITS_MAX: Final = 300_000_000
"""How much of the work of an explanation goes into bodies for one signature, so that some is left for what else there
may be."""
BODY_ALTERNATIVES_MAX: Final = 400
"""How many bodies are tried under a signature."""

_HASHED_UNITS: Final = 3
_LINE_UNITS: Final = 20_000
_HASHES: Final = {"sha-256": sha256, "sha-512": sha512}
_DROPPED: Final = Change(
    "field.digest",
    "Content-Digest is the digest of the body as it was received: the field was dropped or written anew",
    "Let the proxy pass Content-Digest on as it came.",
)


def body_alternatives(
    fields: Sequence[Field], message: Message, body: bytes, made_at: int | None, work: Work
) -> Iterator[Alternative]:
    """Digest and length of the body as it may have been, for the fields that are covered."""
    covered = [field for field in fields if field.name in ("content-digest", "content-length")]
    if not covered:
        return
    there = b", ".join(message.lines(b"content-digest"))
    # In their order: all of them are signed.
    named = sorted(
        (name for name in _HASHES if name.encode("ascii") in there), key=lambda name: there.find(name.encode())
    )
    algorithms = named or ["sha-256"]
    # For each field, lines are copied and one is read.
    line_units = len(covered) * (_LINE_UNITS + STEP_UNITS * len(message.headers))
    end = work.left - BODY_UNITS_MAX
    received = [Variant(body, (_DROPPED,))]
    for number, variant in enumerate(chain(received, Bodies(body, made_at=made_at, work=work).singles())):
        units = line_units + _HASHED_UNITS * len(algorithms) * len(variant.value)
        if number > BODY_ALTERNATIVES_MAX or work.left < end or not work.take(units):
            return
        pieces = _pieces(covered, message, variant.value, algorithms)
        if pieces is not None:
            yield Alternative(variant.changes[0], pieces)


def _pieces(
    fields: list[Field], message: Message, body: bytes, algorithms: Sequence[str]
) -> tuple[tuple[str, bytes], ...] | None:
    """What the fields would be with this body; None where one of them cannot be had with it."""
    line = b", ".join(content_digest(body, algorithm) for algorithm in algorithms)
    digested = with_field(message, b"content-digest", [line])
    found = []
    for field in fields:
        if field.name == "content-length":
            found.append((component_key(field.place), b"%d" % len(body)))
            continue
        try:
            found.append((component_key(field.place), field.resolver(digested)))
        except Rejected:
            return None
    return tuple(found)


def find_body(
    expected: Sequence[ExpectedDigest], body: bytes, made_at: int | None, work: Work
) -> tuple[tuple[Change, ...] | None, int]:
    """What must be undone for the body to have its signed digest, none when it has; None when nothing helps.

    Also how many bodies were tried.
    """
    if _has(expected, body):
        return (), 1
    bodies, tried = Bodies(body, made_at=made_at, work=work), 1
    for variant in chain(bodies.singles(), bodies.pairs()):
        if not work.take(STEP_UNITS + _HASHED_UNITS * len(expected) * len(variant.value)):
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
