"""The text form of every secret Doorward generates: `<prefix>_<label>_<id><secret><checksum>`.

Fixed lengths, so one regular expression finds them and one glance rejects a look-alike. The checksum (CRC-32 over
everything before it, as 6 base62 digits) lets a scanner discard a false positive offline; it is public arithmetic
and proves nothing. `_` is a word character, so a double click selects the whole.
"""

import re
from typing import Final, final
from urllib.parse import unquote_to_bytes
from zlib import crc32

import msgspec

from doorward.values import Entropy

__all__ = [
    "CREDENTIAL_PATTERN",
    "ID_CHARACTERS",
    "PREFIX_PATTERN",
    "SECRET_CHARACTERS",
    "TAIL_CHARACTERS",
    "TOKEN_PATTERN",
    "CredentialText",
    "checksum_of",
    "has_valid_checksum",
    "hide_credentials",
    "mint_credential_text",
    "random_base62",
]

ID_CHARACTERS: Final = 12
SECRET_CHARACTERS: Final = 32
"""32 base62 characters carry 190 bits: above the 160 that invariant 1 asks for an unstretched hash."""
CHECKSUM_CHARACTERS: Final = 6
TAIL_CHARACTERS: Final = ID_CHARACTERS + SECRET_CHARACTERS + CHECKSUM_CHARACTERS

PREFIX_PATTERN: Final = r"[a-z][a-z0-9]{1,11}"
CREDENTIAL_PATTERN: Final = rf"{PREFIX_PATTERN}_[a-z]{{2,8}}_[0-9A-Za-z]{{{TAIL_CHARACTERS}}}"
"""Finds every credential of this form in any text; `has_valid_checksum` then discards look-alikes."""

TOKEN_PATTERN: Final = r"(?<![\w-])[\w-]{10,}\.[\w-]{2,}\.[\w-]{43,}"  # noqa: S105  # a form, not a secret
"""Finds every signed token (JWS, compact) in any text: three segments, the last of at least the 43 characters of
the shortest signature there is (less of it is no credential). For ASCII. A search goes on from the beginning of a
segment only, so no text makes it slow."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN)
_SECRET_BYTES: Final = re.compile(f"{CREDENTIAL_PATTERN}|{TOKEN_PATTERN}".encode("ascii"))
_HIDDEN: Final = b"[credential]"
# The largest multiple of 62 that fits a byte: bytes above it are thrown away, or the low digits would be likelier.
_UNBIASED_BYTES: Final = 248


@final
class CredentialText(msgspec.Struct, frozen=True):
    """A freshly minted secret and its public id. `text` is shown once and never stored."""

    id: str
    text: str

    def __repr__(self) -> str:
        return f"CredentialText(id={self.id!r}, text=<secret>)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("id", self.id)]


def random_base62(characters: int, entropy: Entropy) -> str:
    """`characters` base62 characters, each equally likely."""
    drawn: list[str] = []
    while len(drawn) < characters:
        drawn += [_ALPHABET[byte % 62] for byte in entropy(characters) if byte < _UNBIASED_BYTES]
    return "".join(drawn[:characters])


def checksum_of(text: str) -> str:
    """CRC-32 of `text` (ASCII) as 6 base62 digits, most significant first, padded with `0`."""
    value = crc32(text.encode("ascii"))
    digits = ""
    for _ in range(CHECKSUM_CHARACTERS):
        value, digit = divmod(value, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def has_valid_checksum(presented_text: str) -> bool:
    """Whether unverified text (≤ 80 characters) has the form and its checksum fits. This is never authentication."""
    return (
        _CREDENTIAL.fullmatch(presented_text) is not None
        and checksum_of(presented_text[:-CHECKSUM_CHARACTERS]) == presented_text[-CHECKSUM_CHARACTERS:]
    )


def hide_credentials(presented_text: bytes) -> bytes:
    """Unverified text for a log, without whatever has the form of a secret of ours or of a signed token,
    percent-encoded or not.
    """
    hidden = _SECRET_BYTES.sub(_HIDDEN, presented_text)
    if b"%" in hidden and _SECRET_BYTES.search(unquote_to_bytes(hidden)):
        return _HIDDEN
    return hidden


def mint_credential_text(*, prefix: str, label: str, entropy: Entropy) -> CredentialText:
    """A new secret. `label` is the environment or the kind: `live`, `test`, `pass`."""
    credential_id = random_base62(ID_CHARACTERS, entropy)
    body = f"{prefix}_{label}_{credential_id}{random_base62(SECRET_CHARACTERS, entropy)}"
    assert _CREDENTIAL.fullmatch(body + "0" * CHECKSUM_CHARACTERS), "prefix or label outside the form"
    return CredentialText(id=credential_id, text=body + checksum_of(body))
