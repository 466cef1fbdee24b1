"""How a signed delivery travels: headers into signatures, an id and a time, and back.

Rules:

* Each header once, each value exactly of its form. The reference libraries answer odd ones with `ValueError`,
  `binascii.Error` or `UnicodeDecodeError`, which a handler that catches their own error turns into a crash; here all
  of them are `webhook_malformed`.
* Signatures are counted before any is decoded: ten thousand in one header cost nothing.
* A label nobody knows is passed over, so that a sender may add a newer kind beside the one we know.
* One spelling each: lower-case hex, canonical base64, decimal seconds without sign, fraction or leading zero.
* An id that is signed holds nothing it could end with: `a.1` with body `x` would sign the same bytes as `a` with body
  `1.x` (`framing.py`).
"""

import base64
import re
from binascii import Error as BinasciiError
from binascii import a2b_base64, a2b_hex, b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, final

import msgspec

from doorward.crypto.ed25519 import ED25519_SIGNATURE_BYTES
from doorward.crypto.mac import MAC_BYTES
from doorward.errors import Rejected
from doorward.methods.webhook.config import (
    ASYMMETRIC_SIGNATURES_MAX,
    SIGNATURE_HEADER_BYTES_MAX,
    SIGNATURES_MAX,
)
from doorward.methods.webhook.forms import TIMESTAMP_FORM, Encoding, Layout
from doorward.methods.webhook.framing import DELIVERY_ID_CHARACTERS_MAX
from doorward.methods.webhook.schemes import Scheme
from doorward.wire.request import Header

__all__ = ["PresentedDelivery", "find_value", "parse_delivery", "parse_delivery_id", "write_signature"]

# Looking a member up in its class takes longer than all else that is done with it.
_ALONE, _ONE_BY_ONE, _FIELDS, _IN_HEX = Layout.ALONE, Layout.LABELLED, Layout.FIELDS, Encoding.HEX
_TIMESTAMP: Final = re.compile(TIMESTAMP_FORM)
_HEX: Final = re.compile(rb"(?:[0-9a-f]{2})+")
_UNSIGNED_ID: Final = re.compile(rb"[!-~]{1,%d}" % DELIVERY_ID_CHARACTERS_MAX)
_LABELLED: Final = re.compile(rb"([A-Za-z0-9_-]{1,16}+),([!-+\--~]{1,512}+)")
_FIELD: Final = re.compile(rb"([A-Za-z0-9_-]{1,16}+)=([!-+\--~]{1,512}+)")


@final
class PresentedDelivery(msgspec.Struct, frozen=True):
    """The headers of a delivery, of the right form and nothing more. Unverified."""

    macs: tuple[bytes, ...]
    """HMACs, decoded; each of the length of the scheme's hash."""
    signatures: tuple[bytes, ...]
    """Ed25519 signatures, decoded, 64 bytes each."""
    id_text: bytes
    """The signed id; empty in a scheme that signs none."""
    timestamp_text: bytes
    """Decimal seconds as written; empty in a scheme that signs no time."""
    unsigned_id: str | None
    """What the sender tells beside the signature; anybody could have written it."""

    def __repr__(self) -> str:
        # A signature that was not seen before is as good as the secret for this one body.
        return f"PresentedDelivery({len(self.macs)} + {len(self.signatures)} signatures, <unverified>)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("signatures", f"{len(self.macs)} + {len(self.signatures)}, unverified")]


def parse_delivery(scheme: Scheme, headers: Sequence[Header]) -> PresentedDelivery | None:
    """What the headers say, or None when there is no signature header: not presented.

    Raises:
        Rejected: `header_repeated`, `webhook_malformed`.
    """
    own = _own_headers(scheme, headers)
    value = _take_once(own, scheme.signature_name)
    if value is None:
        return None
    if len(value) > SIGNATURE_HEADER_BYTES_MAX:
        raise Rejected("webhook_malformed", f"the signature header is longer than {SIGNATURE_HEADER_BYTES_MAX} bytes")
    macs, signatures, timestamp_text = _said_usually(scheme, value) or _said(scheme, value)
    signs_id = scheme.signs_id
    return PresentedDelivery(
        macs=macs,
        signatures=signatures,
        id_text=_signed_id(scheme, own) if signs_id else b"",
        timestamp_text=_signed_time(scheme, own, timestamp_text) if scheme.signs_time else b"",
        unsigned_id=None if signs_id or not scheme.id_name else _unsigned_id(own.get(scheme.id_name)),
    )


_Said: TypeAlias = tuple[tuple[bytes, ...], tuple[bytes, ...], bytes | None]
"""What a signature header says: its HMACs, its Ed25519 signatures, and the time where it stands among them."""


def _said_usually(scheme: Scheme, value: bytes) -> _Said | None:
    """One HMAC, spelled as nearly all are, in one step; None: read it the long way, which comes to the same."""
    usual = None if scheme.usual is None else scheme.usual.fullmatch(value)
    if usual is None:
        return None
    timestamp_text, mac = usual.groups()
    return (a2b_hex(mac) if scheme.encoding is _IN_HEX else a2b_base64(mac),), (), timestamp_text


def _said(scheme: Scheme, value: bytes) -> _Said:
    timestamp_text: bytes | None = b""
    if scheme.layout is _ALONE:
        entries: list[tuple[bytes, bytes]] = [(b"", _without_prefix(scheme, value))]
    elif scheme.layout is _ONE_BY_ONE:
        entries = _entries(value, b" ", _LABELLED)
    else:
        entries = _entries(value, b",", _FIELD)
        timestamp_text = _only_time(entries)
    macs = tuple(_parse_mac(scheme, text) for text in _labelled(entries, scheme.label))
    return macs, _parse_signatures(scheme, entries), timestamp_text


def write_signature(scheme: Scheme, signatures: Iterable[tuple[str, bytes]], timestamp_text: str) -> str:
    """The value of the signature header.

    Args:
        scheme: how it is written.
        signatures: label and signature of each; the label counts only in a scheme that has labels.
        timestamp_text: decimal seconds; counts only where the time stands in this header.
    """
    written = [(label, _encode(scheme, signature)) for label, signature in signatures]
    if scheme.layout is _ALONE:
        ((_, only),) = written
        return scheme.prefix + only
    if scheme.layout is _ONE_BY_ONE:
        return " ".join(f"{label},{text}" for label, text in written)
    return ",".join([f"t={timestamp_text}", *(f"{label}={text}" for label, text in written)])


def find_value(headers: Sequence[Header], name: str) -> bytes | None:
    """The value of a header that may come once, or None.

    Raises:
        Rejected: `header_repeated`: a proxy may have looked at the other one.
    """
    wanted = name.lower().encode("ascii")
    found = [value for key, value in headers if len(key) == len(wanted) and key.lower() == wanted]
    if len(found) > 1:
        raise Rejected("header_repeated", name)
    return found[0] if found else None


def parse_delivery_id(scheme: Scheme, presented_id: bytes) -> str:
    """An id that is to be signed.

    Raises:
        Rejected: `webhook_malformed`: none, too long, or with a dot or what else the scheme puts behind it, which would
            make the signed bytes ambiguous.
    """
    assert scheme.id_form is not None, "asked of a scheme that signs an id"
    if scheme.id_form.fullmatch(presented_id) is None:
        raise Rejected(
            "webhook_malformed",
            f"the id is 1 to {DELIVERY_ID_CHARACTERS_MAX} visible ASCII characters without a dot, or what follows it",
        )
    return presented_id.decode("ascii")


def _own_headers(scheme: Scheme, headers: Sequence[Header]) -> dict[bytes, bytes | None]:
    """The headers that count, in one pass; None for one that came more than once."""
    own: dict[bytes, bytes | None] = {}
    wanted = scheme.header_names
    for key, value in headers:
        name = key.lower()
        if name in wanted:
            own[name] = None if name in own else value
    return own


def _take_once(own: Mapping[bytes, bytes | None], name: bytes) -> bytes | None:
    value = own.get(name)
    if value is None and name in own:
        raise Rejected("header_repeated", name.decode("ascii"))
    return value


def _entries(value: bytes, between: bytes, form: re.Pattern[bytes]) -> list[tuple[bytes, bytes]]:
    texts = value.split(between, SIGNATURES_MAX + 1)
    # The timestamp of `t=…` counts as one of them.
    if len(texts) > SIGNATURES_MAX:
        raise Rejected("webhook_malformed", f"more than {SIGNATURES_MAX} signatures in one header")
    found = [form.fullmatch(text) for text in texts]
    if not all(found):
        raise Rejected("webhook_malformed", "the signature header is not of the scheme's form")
    return [(match[1], match[2]) for match in found if match is not None]


def _labelled(entries: list[tuple[bytes, bytes]], label: str) -> list[bytes]:
    wanted = label.encode("ascii")
    return [text for key, text in entries if key == wanted]


def _only_time(entries: list[tuple[bytes, bytes]]) -> bytes | None:
    times = _labelled(entries, "t")
    if len(times) > 1:
        raise Rejected("webhook_malformed", "more than one timestamp in the signature header")
    return times[0] if times else None


def _signed_time(scheme: Scheme, own: Mapping[bytes, bytes | None], among_them: bytes | None) -> bytes:
    text = among_them if scheme.layout is _FIELDS else _take_once(own, scheme.timestamp_name)
    if text is None:
        raise Rejected("webhook_malformed", "the timestamp is missing")
    if _TIMESTAMP.fullmatch(text) is None:
        raise Rejected("webhook_malformed", "the timestamp is not decimal seconds since the epoch")
    return text


def _signed_id(scheme: Scheme, own: Mapping[bytes, bytes | None]) -> bytes:
    value = _take_once(own, scheme.id_name)
    if value is None:
        raise Rejected("webhook_malformed", f"the {scheme.id_header} header is missing")
    parse_delivery_id(scheme, value)
    return value


def _unsigned_id(value: bytes | None) -> str | None:
    # Nothing rests on it, so one of another form, or that comes twice, is left out and not refused.
    return None if value is None or _UNSIGNED_ID.fullmatch(value) is None else value.decode("ascii")


def _without_prefix(scheme: Scheme, value: bytes) -> bytes:
    prefix = scheme.prefix.encode("ascii")
    if not value.startswith(prefix):
        raise Rejected("webhook_malformed", f"the signature does not begin with {scheme.prefix}")
    return value[len(prefix) :]


def _parse_mac(scheme: Scheme, text: bytes) -> bytes:
    if scheme.encoding is _IN_HEX:
        mac = bytes.fromhex(text.decode("ascii")) if _HEX.fullmatch(text) else b""
    else:
        mac = _parse_base64(text)
    if len(mac) != MAC_BYTES[scheme.digest]:
        raise Rejected("webhook_malformed", f"a signature is not {MAC_BYTES[scheme.digest]} bytes of {scheme.encoding}")
    return mac


def _parse_signatures(scheme: Scheme, entries: list[tuple[bytes, bytes]]) -> tuple[bytes, ...]:
    if not scheme.asymmetric_label:
        return ()
    texts = _labelled(entries, scheme.asymmetric_label)
    if not texts:
        return ()
    if len(texts) > ASYMMETRIC_SIGNATURES_MAX:
        raise Rejected("webhook_malformed", f"more than {ASYMMETRIC_SIGNATURES_MAX} Ed25519 signatures")
    signatures = tuple(_parse_base64(text) for text in texts)
    if any(len(signature) != ED25519_SIGNATURE_BYTES for signature in signatures):
        raise Rejected("webhook_malformed", f"an Ed25519 signature is not {ED25519_SIGNATURE_BYTES} bytes of base64")
    return signatures


def _parse_base64(text: bytes) -> bytes:
    try:
        decoded = a2b_base64(text, strict_mode=True)
    except BinasciiError:
        return b""
    # Spare bits in the last character would be a second spelling of the same signature.
    return decoded if b2a_base64(decoded, newline=False) == text else b""


def _encode(scheme: Scheme, signature: bytes) -> str:
    if scheme.encoding is _IN_HEX:
        return signature.hex()
    return base64.b64encode(signature).decode("ascii")
