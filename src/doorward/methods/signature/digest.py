"""`Content-Digest` (RFC 9530): that the body is the one whose digest was signed.

Rules:

* SHA-256 and SHA-512, nothing else. A digest of another algorithm proves nothing and counts for nothing (section 5 of
  the RFC lists the broken ones); every one we know must fit.
* An algorithm that comes twice is refused: another reader may take the other one.
* The digest is over the content as it is sent: after any `Content-Encoding`, before any transfer coding (section 2).
* The body is checked while it passes, so its size costs no memory. The end must be asked for: what was only updated is
  not proven.
"""

import re
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Sequence
from hashlib import sha256, sha512
from typing import Final, final

import msgspec

from doorward.crypto.hashing import constant_time_equal
from doorward.errors import Rejected
from doorward.methods.signature.config import DIGESTS_MAX
from doorward.wire.structured import parse_bytes, scan_dictionary

__all__ = ["BodyCheck", "ExpectedDigest", "content_digest", "parse_content_digest"]

_USUAL: Final = re.compile(rb"sha-256=:([0-9A-Za-z+/]{43}=):")
_HASHES: Final = {"sha-256": (sha256, 32), "sha-512": (sha512, 64)}


@final
class ExpectedDigest(msgspec.Struct, frozen=True, gc=False):
    """A digest the body must have."""

    algorithm: str
    digest: bytes


def parse_content_digest(presented_field: bytes) -> tuple[ExpectedDigest, ...]:
    """The digests that count, at least one.

    Args:
        presented_field: the value of the field, all lines joined; the signer's word if the signature covers it.

    Raises:
        Rejected: `signature_digest`: it does not parse, an algorithm comes twice, or none of them counts.
    """
    usual = _USUAL.fullmatch(presented_field)
    if usual is not None:
        # One digest, as nearly everybody sends it, in one step; anything else takes the long way to the same answer.
        return (ExpectedDigest("sha-256", a2b_base64(usual[1])),)
    try:
        members = scan_dictionary(presented_field, members_max=DIGESTS_MAX)
    except Rejected as error:
        raise _unfit(error.detail) from None
    if len(members) > 1 and len({member.key for member in members}) < len(members):
        raise _unfit("an algorithm comes twice")
    found = [
        ExpectedDigest(member.key, _digest(member.bare, _HASHES[member.key][1]))
        for member in members
        if member.key in _HASHES
    ]
    if not found:
        raise _unfit("neither sha-256 nor sha-512 is there")
    return tuple(found)


def _digest(text: str | None, size: int) -> bytes:
    if text is None or not text.startswith(":"):
        raise _unfit("a digest is not a byte sequence")
    try:
        digest = parse_bytes(text)
    except Rejected as error:
        raise _unfit(error.detail) from None
    if len(digest) != size:
        raise _unfit("a digest has the wrong length")
    return digest


def _unfit(what: str) -> Rejected:
    return Rejected("signature_digest", f"Content-Digest: {what}")


def content_digest(body: bytes, algorithm: str = "sha-256") -> bytes:
    """The value of `Content-Digest` for a body: its bytes as they are sent. `algorithm`: `sha-256` or `sha-512`."""
    return f"{algorithm}=:{b64encode(_HASHES[algorithm][0](body).digest()).decode('ascii')}:".encode("ascii")


@final
class BodyCheck:
    """Checks a body while it passes.

    Args:
        expected: what it must hash to; empty: there must be no body at all.
        bodiless: there must be no body at all, and its digest must be that of none.
    """

    __slots__ = ("_bodiless", "_running")

    def __init__(self, expected: Sequence[ExpectedDigest], *, bodiless: bool = False) -> None:
        self._running: Final = [(one, _HASHES[one.algorithm][0]()) for one in expected]
        self._bodiless: Final = bodiless or not expected

    def update(self, presented_chunk: bytes) -> None:
        """The next piece, of any size.

        Raises:
            Rejected: `signature_digest`: a body came where none was signed.
        """
        if self._bodiless and presented_chunk:
            # Whether a body was announced is up to whoever frames the message; that there is one shows here.
            raise Rejected("signature_digest", "there is a body that was not signed")
        for _, digest in self._running:
            digest.update(presented_chunk)

    def verify_end(self) -> None:
        """The body is complete: is it the one?

        Raises:
            Rejected: `signature_digest`.
        """
        for one, digest in self._running:
            if not constant_time_equal(digest.digest(), one.digest):
                raise Rejected("signature_digest", f"the body has another {one.algorithm} digest than was signed")
