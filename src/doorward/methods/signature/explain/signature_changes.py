"""What senders get wrong about the signature itself: its parameters, its octets, and how both fields are spelled."""

import re
from base64 import b64encode, urlsafe_b64decode
from binascii import Error as BinasciiError
from collections.abc import Iterator
from itertools import permutations
from typing import Final

from doorward.errors import Rejected
from doorward.methods.explaining import Change
from doorward.methods.signature.base import Kinds
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import SIGNATURE_FIELD_BYTES_MAX
from doorward.methods.signature.explain.pieces import Alternative, with_field
from doorward.methods.signature.wire import PresentedSignature, parse_readable

__all__ = ["octet_alternatives", "parameter_alternatives", "readable"]

_PERMUTED_MAX: Final = 5
_PARAMETER: Final = re.compile(r';[a-z*][a-z0-9_\-.*]*+(?:=(?:"(?:[^"\\]|\\.)*+"|[^;"]*+))?+')
_SECONDS: Final = re.compile(r";(created|expires)=([0-9]{1,15})")
# A label begins where none goes on, and nothing is tried twice: a field of nothing but a label costs its length once.
_SIGNATURE: Final = re.compile(
    rb"(?<![a-z0-9_\-.*])([a-z*][a-z0-9_\-.*]*+)=[:\"]?+([A-Za-z0-9+/_-]{8,2000}+={0,2}+)[:\"]?+"
)
_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_COORDINATES: Final = (32, 48)
_SENDER_CURE: Final = "Let the sender sign the very parameters it sends (RFC 9421 section 2.3)."


def parameter_alternatives(presented: PresentedSignature) -> list[Alternative]:
    """Parameters as a sender may have signed them, although it sent others."""
    found: dict[str, Alternative] = {}
    text = presented.said.text
    for other, name, words in _parameters(text):
        if other != text and other not in found:
            change = Change(f"parameters.{name}", words, _SENDER_CURE)
            found[other] = Alternative(change, (("parameters", other.encode("ascii")),))
    return list(found.values())


def _parameters(text: str) -> Iterator[tuple[str, str, str]]:
    def seconds(match: re.Match[str]) -> str:
        return f";{match[1]}={int(match[2]) // 1_000}" if len(match[2]) >= 12 else match[0]

    yield _SECONDS.sub(seconds, text), "milliseconds", "the signed times are in seconds, while milliseconds were sent"
    in_milliseconds = _SECONDS.sub(lambda match: f"{match[0]}000", text)
    yield in_milliseconds, "milliseconds", "the signed times are in milliseconds, while seconds were sent"
    for off_s in (-1, 1):
        other = re.sub(r";created=([0-9]{1,12})", lambda match, off_s=off_s: _off(match, off_s), text)  # type: ignore[misc]  # mypy cannot type a default
        yield other, "created", "the signed time is another second than the one that was sent"
    parts = _PARAMETER.findall(text)
    if "".join(parts) == text and len(parts) <= _PERMUTED_MAX:
        for order in permutations(parts):
            yield "".join(order), "order", "the parameters are in another order"
    for part in parts:
        without = "".join(other for other in parts if other is not part)
        yield without, "dropped", f"the parameter {part[1:].partition('=')[0]} is not signed"
    yield "".join(f"; {part[1:]}" for part in parts), "space", "the parameters have a space after each semicolon"


def _off(match: re.Match[str], off_s: int) -> str:
    return f";created={int(match[1]) + off_s}"


def octet_alternatives(presented: PresentedSignature) -> list[Alternative]:
    """The signature's octets as another library would have written them: ECDSA in DER."""
    raw = _raw_ecdsa(presented.signature)
    if raw is None:
        return []
    change = Change(
        "signature.der",
        "the signature is read as DER",
        "Let the sender write an ECDSA signature as r and s one after the other (RFC 9421 section 3.3.4): in Node "
        "`dsaEncoding: 'ieee-p1363'`, in Java `SHA256withECDSAinP1363Format`.",
    )
    return [Alternative(change, (("signature", octets),)) for octets in raw]


def _raw_ecdsa(octets: bytes) -> list[bytes] | None:
    # SEQUENCE of two INTEGERs, each shorter than 128 octets.
    if len(octets) < 8 or octets[0] != 0x30 or octets[1] != len(octets) - 2 or octets[2] != 0x02:
        return None
    length = octets[3]
    r, rest = octets[4 : 4 + length], octets[4 + length :]
    if len(rest) < 2 or rest[0] != 0x02 or rest[1] != len(rest) - 2:
        return None
    numbers = int.from_bytes(r), int.from_bytes(rest[2:])
    return [
        b"".join(number.to_bytes(size) for number in numbers) for size in _COORDINATES if max(numbers) < 1 << (8 * size)
    ]


def readable(message: Message, kinds: Kinds) -> tuple[Message, tuple[PresentedSignature, ...], tuple[Change, ...]]:
    """The signatures of a request, read as strictly as possible and as leniently as needed.

    Raises:
        Rejected: as `parse_signatures`, of the strict reading, when no lenient one makes sense either.
    """
    try:
        return message, parse_readable(message, kinds), ()
    except Rejected as strict:
        for other, change in _respelled(message):
            try:
                presented = parse_readable(other, kinds)
            except Rejected:
                continue
            if presented:
                return other, presented, (change,)
        raise strict from None


def _respelled(message: Message) -> Iterator[tuple[Message, Change]]:
    inputs, signatures = message.lines(b"signature-input"), message.lines(b"signature")
    if sum(map(len, inputs + signatures)) > 2 * SIGNATURE_FIELD_BYTES_MAX:
        return
    if len(inputs) > 1 or len(signatures) > 1:
        change = Change(
            "signature.repeated",
            "only the first of the repeated signature fields is looked at",
            "Something on the way doubles Signature-Input or Signature: let each label come once.",
        )
        yield with_field(with_field(message, b"signature", signatures[:1]), b"signature-input", inputs[:1]), change
    respelled = [_SIGNATURE.sub(_standard, _SPACE.sub(b"", line)) for line in signatures]
    change = Change(
        "signature.spelling",
        "the signature is read as base64 between colons",
        "Let the sender write `label=:base64:` in the standard alphabet with its padding (RFC 9651 section 3.3.5).",
    )
    yield with_field(message, b"signature", respelled), change
    change = Change(
        "signature.folded",
        "the line breaks in Signature-Input are taken away",
        "Something on the way folded the field (RFC 9112 section 5.2 forbids it): pass it on as one line.",
    )
    yield (
        with_field(
            with_field(message, b"signature", respelled),
            b"signature-input",
            [_SPACE.sub(b" ", line) for line in inputs],
        ),
        change,
    )


def _standard(match: re.Match[bytes]) -> bytes:
    bare = match[2].rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
    try:
        octets = urlsafe_b64decode(bare + b"=" * (-len(bare) % 4))
    except BinasciiError:
        return match[0]
    return b"%b=:%b:" % (match[1], b64encode(octets))
