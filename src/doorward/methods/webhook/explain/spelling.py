"""The signatures in a header, however they are written: what a strict reader takes, and what it would refuse.

Answers MACs and Ed25519 signatures with the changes of spelling that lead to them. They are compared with, and never
shown.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Final, final

import msgspec

from doorward.crypto.ed25519 import ED25519_SIGNATURE_BYTES
from doorward.crypto.mac import MAC_BYTES, MacDigest
from doorward.errors import Rejected
from doorward.methods.explaining.change import Change
from doorward.methods.webhook.config import SIGNATURE_HEADER_BYTES_MAX
from doorward.methods.webhook.schemes import Encoding, Layout, Scheme
from doorward.methods.webhook.wire import parse_delivery
from doorward.wire.request import Header

__all__ = ["Target", "header_values", "read_targets"]

TARGETS_MAX: Final = 64
"""How many signatures of one delivery are looked at."""

_TOKEN: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9_-]{0,15})[=,:]\s*)?[\"']?([A-Za-z0-9+/_-]{20,180}={0,2})")
_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_TIME: Final = re.compile(rb"\bt=[^,]*")
_DIGEST_OF: Final[dict[int, MacDigest]] = {length: digest for digest, length in MAC_BYTES.items()}


@final
class Target(msgspec.Struct, frozen=True):
    """A signature that came with the delivery, decoded. Never shown."""

    octets: bytes
    digest: MacDigest
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"Target({self.digest}, {[change.name for change in self.changes]})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("digest", self.digest)]


def _change(name: str, fits_when: str, cure: str) -> Change:
    return Change(f"signature.{name}", fits_when, cure)


def _sender_cure(scheme: Scheme) -> str:
    label = f" after {scheme.prefix or scheme.label}" if scheme.prefix or scheme.label else ""
    return f"The sender must write the signature in {scheme.encoding}{label}, as {scheme.sender} does."


def header_values(headers: Sequence[Header], name: str) -> list[bytes]:
    """All values of a header, in order."""
    wanted = name.lower().encode("ascii")
    return [value for key, value in headers if key.lower() == wanted]


def read_targets(scheme: Scheme, headers: Sequence[Header]) -> tuple[dict[bytes, Target], dict[bytes, Target]]:
    """The MACs and the Ed25519 signatures of a delivery by their octets, each with its fewest changes of spelling."""
    macs: dict[bytes, Target] = {}
    signatures: dict[bytes, Target] = {}
    values = header_values(headers, scheme.signature_header)
    repeated = () if len(values) < 2 else (_repeated(scheme),)
    for value in values[:8]:
        for target, asymmetric in _targets(scheme, value[:SIGNATURE_HEADER_BYTES_MAX]):
            found = signatures if asymmetric else macs
            changes = repeated + target.changes
            known = found.get(target.octets)
            if len(found) < TARGETS_MAX and (known is None or len(changes) < len(known.changes)):
                found[target.octets] = Target(target.octets, target.digest, changes)
    return macs, signatures


def _repeated(scheme: Scheme) -> Change:
    return Change(
        "header.repeated",
        f"only one of the {scheme.signature_header} headers is looked at: it came more than once",
        "Find the proxy or the client that adds a second one; a header that comes twice is refused, because two "
        "readers may look at different ones.",
    )


def _targets(scheme: Scheme, value: bytes) -> Iterator[tuple[Target, bool]]:
    yield from _strict(scheme, value, ())
    folded = _change(
        "folded",
        f"the line breaks and spaces in the {scheme.signature_header} header are taken away",
        "Something on the way folded the header or padded it (RFC 9112 section 5.2 forbids folding): pass it on as "
        "one line.",
    )
    yield from _strict(scheme, _SPACE.sub(b" ", value).strip(), (folded,))
    yield from _strict(scheme, _SPACE.sub(b"", value), (folded,))
    text = _SPACE.sub(b" ", value).decode("latin-1")
    for label, token in _TOKEN.findall(text):
        for octets, spelled in _decodings(scheme, token):
            if len(octets) in _DIGEST_OF:
                changes = spelled + _label_changes(scheme, label, octets) + _digest_changes(scheme, octets)
                yield Target(octets, _DIGEST_OF[len(octets)], changes or _form_changes(scheme)), False
            if len(octets) == ED25519_SIGNATURE_BYTES and scheme.asymmetric_label:
                changes = spelled + _asymmetric_label_changes(scheme, label)
                yield Target(octets, scheme.digest, changes or _form_changes(scheme)), True


def _strict(scheme: Scheme, value: bytes, changes: tuple[Change, ...]) -> Iterator[tuple[Target, bool]]:
    # Id and time are looked at elsewhere; here they must only not be in the way.
    stand_in = [
        (scheme.signature_header.encode("ascii"), _TIME.sub(b"t=0", value)),
        (scheme.timestamp_header.encode("ascii"), b"0"),
        (scheme.id_header.encode("ascii"), b"x"),
    ]
    try:
        parsed = parse_delivery(scheme, stand_in)
    except Rejected:
        return
    if parsed is not None:
        yield from ((Target(mac, scheme.digest, changes), False) for mac in parsed.macs)
        yield from ((Target(signature, scheme.digest, changes), True) for signature in parsed.signatures)


def _decodings(scheme: Scheme, token: str) -> Iterator[tuple[bytes, tuple[Change, ...]]]:
    cure = _sender_cure(scheme)
    octets = _from_hex(token)
    if octets is not None:
        upper = _change("case", "the signature is in lower case: hex in upper case was sent", cure)
        changes: tuple[Change, ...] = () if token == token.lower() else (upper,)
        if scheme.encoding is not Encoding.HEX:
            changes += (_change("hex", "the signature is read as hex", cure),)
        yield octets, changes
    for octets, name, words in _from_base64(token):
        if scheme.encoding is Encoding.BASE64 and name == "base64":
            yield octets, ()
        else:
            yield octets, (_change(name, f"the signature is read as {words}", cure),)
        inner = _from_hex(octets.decode("latin-1"))
        if inner is not None:
            yield inner, (_change("twice", "the signature is read as base64 of its hex digits", cure),)


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if text.isalnum() else None
    except ValueError:
        return None


def _from_base64(token: str) -> Iterator[tuple[bytes, str, str]]:
    bare = token.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    url_safe = "-" in bare or "_" in bare
    try:
        octets = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return
    if url_safe:
        yield octets, "base64url", "base64url, which has - and _ for + and /"
    elif token != padded:
        yield octets, "padding", "base64 without its padding"
    else:
        yield octets, "base64", "base64"


def _label_changes(scheme: Scheme, label: str, octets: bytes) -> tuple[Change, ...]:
    expected = scheme.label if scheme.layout is not Layout.ALONE else scheme.prefix.rstrip("=,:")
    digest = _DIGEST_OF.get(len(octets), scheme.digest)
    if label == expected or (digest != scheme.digest and label == digest):
        return ()
    had = f"was sent with {label}" if label else "was sent without it"
    wanted = f"has the label {expected}" if expected else "stands alone"
    return (
        _change(
            "label",
            f"the signature {wanted}: it {had}",
            f"The sender uses another version of the scheme, or another scheme. {_sender_cure(scheme)}",
        ),
    )


def _asymmetric_label_changes(scheme: Scheme, label: str) -> tuple[Change, ...]:
    if label == scheme.asymmetric_label:
        return ()
    words = f"the Ed25519 signature has the label {scheme.asymmetric_label}"
    return (_change("label", words, f"The sender must label it {scheme.asymmetric_label}."),)


def _form_changes(scheme: Scheme) -> tuple[Change, ...]:
    # Right in itself, and the strict reader has not taken it: what is around it is not of the scheme's form.
    words = f"the signature alone is read: the {scheme.signature_header} header around it is not of the scheme's form"
    return (_change("form", words, _sender_cure(scheme)),)


def _digest_changes(scheme: Scheme, octets: bytes) -> tuple[Change, ...]:
    digest = _DIGEST_OF[len(octets)]
    if digest == scheme.digest:
        return ()
    return (
        _change(
            "digest",
            f"the signature is made with HMAC-{digest.upper()} and not HMAC-{scheme.digest.upper()}",
            f"The sender uses an older or another version of the scheme: let it sign with {scheme.digest.upper()}.",
        ),
    )
