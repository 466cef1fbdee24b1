"""How signatures and ids are spelled, and patterns for what nearly every delivery has.

Rules:

* A pattern reads the usual spelling in one step. Whatever it does not match is read the long way, which comes to the
  same: a pattern that matches more than the long way takes would be a hole.
* Every repetition is bounded and possessive: the time is linear in the text, whatever a peer sends.
"""

import re
from enum import StrEnum
from typing import Final, final

from doorward.crypto.mac import MAC_BYTES, MacDigest

__all__ = ["EVENT_ID_CHARACTERS_MAX", "TIMESTAMP_FORM", "Encoding", "Layout", "event_id_form", "usual_form"]

EVENT_ID_CHARACTERS_MAX: Final = 200
"""How long the id may be that a body begins with."""
TIMESTAMP_FORM: Final = rb"(?:0|[1-9][0-9]{0,10})"
"""Decimal seconds in their one spelling."""
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
_WHITE: Final = rb"[ \t\r\n]{0,16}+"
# The last character of base64, by how many octets stand in the last group: its spare bits are zero, or there would be
# a second spelling of the same signature.
_LAST: Final = {0: rb"", 1: rb"[AQgw]==", 2: rb"[AEIMQUYcgkosw048]="}


@final
class Encoding(StrEnum):
    """How the signature is written."""

    HEX = "hex"
    BASE64 = "base64"


@final
class Layout(StrEnum):
    """How signatures stand in their header."""

    ALONE = "alone"
    """One signature after a fixed prefix: `sha256=…`."""
    LABELLED = "labelled"
    """`v1,… v1,… v1a,…`: label, comma, signature, separated by spaces."""
    FIELDS = "fields"
    """`t=…,v1=…,v1=…`: the timestamp among them."""


def usual_form(
    layout: Layout, encoding: Encoding, digest: MacDigest, *, prefix: str, label: str
) -> re.Pattern[bytes] | None:
    """A header with one HMAC and nothing else: the time (empty where it stands elsewhere), and the HMAC as written.

    Args:
        layout: how signatures stand in the header.
        encoding: how the HMAC is written.
        digest: its hash.
        prefix: of a signature that stands alone.
        label: of one that does not.

    Returns:
        None for a label under which the long way finds no HMAC, or something else too.
    """
    mac = _mac_form(encoding, MAC_BYTES[digest])
    if layout is Layout.ALONE:
        return None if label else re.compile(rb"()%b(%b)" % (re.escape(prefix.encode("ascii")), mac))
    if _LABEL.fullmatch(label) is None or label == "t":
        return None
    if layout is Layout.LABELLED:
        return re.compile(rb"()%b,(%b)" % (label.encode("ascii"), mac))
    return re.compile(rb"t=(%b),%b=(%b)" % (TIMESTAMP_FORM, label.encode("ascii"), mac))


def _mac_form(encoding: Encoding, octets: int) -> bytes:
    if encoding is Encoding.HEX:
        return rb"[0-9a-f]{%d}" % (2 * octets)
    groups, rest = divmod(octets, 3)
    return rb"[A-Za-z0-9+/]{%d}%b" % (4 * groups + rest, _LAST[rest])


def event_id_form(prefix: str) -> re.Pattern[bytes]:
    """The beginning of an object of JSON whose first member is its id, and the id; matched where the body begins."""
    name = re.escape(prefix.encode("ascii"))
    rest = EVENT_ID_CHARACTERS_MAX - len(prefix)
    return re.compile(rb'\{%b"id"%b:%b"(%b[0-9A-Za-z_]{1,%d}+)"%b[,}]' % (_WHITE, _WHITE, _WHITE, name, rest, _WHITE))
