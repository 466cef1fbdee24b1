"""Compact signed tokens (RFC 7515 section 7.1), as strict as RFC 8725 asks.

Rules of this file:

* Size before anything else, form before content, the signature before the claims.
* The key says which algorithm is used; the header's `alg` must name that one and chooses nothing. So there is no `none`
  and no way to have an RSA key taken for an HMAC secret.
* A token brings no key: `jwk`, `jku`, `x5u` and `x5c` are not read. Whatever it declares critical is not understood
  here (`crit`, RFC 7515 section 4.1.11), nor is an unencoded payload (`b64`, RFC 7797), compression or encryption.
* Five segments are an encrypted token (RFC 7516): not ours to open.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, final

import msgspec

from doorward.crypto.jose.base64url import decode_base64url, encode_base64url
from doorward.crypto.jose.members import parse_object
from doorward.crypto.jose.signing import SigningKey
from doorward.crypto.jose.verification import KID_CHARACTERS_MAX, VerificationKey
from doorward.errors import Rejected

__all__ = [
    "TOKEN_BYTES_MAX",
    "Compact",
    "JwsHeader",
    "parse_compact",
    "parse_payload",
    "sign_compact",
    "verify_compact",
    "verify_signature",
]

TOKEN_BYTES_MAX: Final = 8_192
"""How large a token may be unless the caller says otherwise: what most servers take in one header line."""
TYP_CHARACTERS_MAX: Final = 128
"""How long the `typ` of a token may be."""
HEADER_CACHE_ENTRIES_MAX: Final = 1_024
"""How many different headers are remembered parsed. An issuer uses a handful."""
HEADER_CACHE_SEGMENT_BYTES_MAX: Final = 512
"""Longer headers are parsed every time, so that remembering takes at most about a megabyte."""

_DOT: Final = ord(".")
_NOT_UNDERSTOOD: Final = ("crit", "b64", "zip", "enc")


@final
class JwsHeader(msgspec.Struct, frozen=True):
    """What is read of a header, and nothing else of it. Unverified until the signature is."""

    alg: str
    kid: str | None
    typ: str | None


@final
class Compact(msgspec.Struct, frozen=True, eq=False):
    """A token taken apart: nothing in it is verified. `payload_b64` is still encoded."""

    header: JwsHeader
    signing_input: bytes
    payload_b64: bytes
    signature: bytes

    def __repr__(self) -> str:
        # A token is a secret: whoever reads it in a log can present it.
        return f"Compact(header={self.header!r}, …)"


def parse_compact(presented: bytes, *, token_bytes_max: int = TOKEN_BYTES_MAX) -> Compact:
    """Take a token apart. Verifies nothing.

    Args:
        presented: the token, without anything around it.
        token_bytes_max: how large it may be; checked before anything is decoded.

    Raises:
        Rejected: `token_malformed`; `token_header` for one that asks for what is not done here.
    """
    if len(presented) > token_bytes_max:
        raise Rejected("token_malformed", f"a token has at most {token_bytes_max} octets")
    signing_input, _, signature = presented.rpartition(b".")
    header, dot, payload = signing_input.partition(b".")
    if not dot or _DOT in payload:
        problem = "an encrypted token" if presented.count(b".") == 4 else "no signed token"
        raise Rejected("token_malformed", f"{problem}: a signed one has three segments")
    cached = len(header) <= HEADER_CACHE_SEGMENT_BYTES_MAX
    return Compact(
        _parse_known_header(header) if cached else _parse_header(header),
        signing_input,
        payload,
        decode_base64url(signature),
    )


def verify_signature(compact: Compact, key: VerificationKey) -> None:
    """Prove that the holder of `key` signed the token, with the algorithm of that key.

    Raises:
        Rejected: `token_algorithm`, `token_signature`.
    """
    if compact.header.alg not in key.names:
        raise Rejected("token_algorithm", f"the key is for {key.algorithm}, the header says another algorithm")
    # Read, then called: Python is twice as slow when it takes a field for a method.
    verify = key.verify
    verify(compact.signing_input, compact.signature)


def parse_payload(compact: Compact) -> dict[str, object]:
    """The claims. They are the presenter's own words until `verify_signature` has passed.

    Raises:
        Rejected: `token_malformed`.
    """
    return parse_object(decode_base64url(compact.payload_b64))


def verify_compact(compact: Compact, key: VerificationKey) -> dict[str, object]:
    """The claims of a token whose signature holds. What they say is not checked here.

    Raises:
        Rejected: `token_algorithm`, `token_signature`; `token_malformed` for a payload that is not one strict object.
    """
    verify_signature(compact, key)
    return parse_object(decode_base64url(compact.payload_b64))


def sign_compact(header: Mapping[str, object], payload: bytes, key: SigningKey) -> bytes:
    """Make a token.

    Args:
        header: further header members (`typ`); `alg` and `kid` are the key's own.
        payload: the octets to sign, normally a JSON object.
        key: signs.
    """
    assert not {"alg", "kid", *_NOT_UNDERSTOOD} & header.keys(), "a header member that is the key's, or never signed"
    named = {"alg": key.algorithm.value, "kid": key.kid, **header}
    signing_input = encode_base64url(msgspec.json.encode(named)) + b"." + encode_base64url(payload)
    return signing_input + b"." + encode_base64url(key.sign(signing_input))


def _parse_header(segment: bytes) -> JwsHeader:
    members = parse_object(decode_base64url(segment))
    for name in _NOT_UNDERSTOOD:
        if name in members:
            raise Rejected("token_header", f"the header has `{name}`")
    alg = members.get("alg")
    if not isinstance(alg, str) or not alg:
        raise Rejected("token_header", "`alg` is not a name")
    return JwsHeader(
        alg,
        _text(members, "kid", KID_CHARACTERS_MAX),
        _text(members, "typ", TYP_CHARACTERS_MAX),
    )


def _text(members: dict[str, object], name: str, characters_max: int) -> str | None:
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str) or len(value) > characters_max:
        raise Rejected("token_header", f"`{name}` is not a string of at most {characters_max} characters")
    return value


# Parsing is a function of the segment alone, so remembering it changes nothing but the time. A refusal is not kept.
_parse_known_header: Final = lru_cache(maxsize=HEADER_CACHE_ENTRIES_MAX)(_parse_header)
