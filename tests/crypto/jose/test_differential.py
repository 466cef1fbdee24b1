"""Our verdicts beside those of joserfc and PyJWT, on good, forged and damaged tokens.

What we accept both must accept, with the same claims. What we refuse and they accept is listed with the reason; a
difference that is not listed fails.
"""

import json
import random
from functools import cache
from typing import Any, Final, NamedTuple, final

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from tests.crypto.jose.samples import CLAIMS, sample_key, verify_token

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.signing import SigningKey
from doorward.errors import Rejected

# joserfc warns of the name `EdDSA` (RFC 9864); both names are accepted here.
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

ALGORITHMS: Final = [Algorithm.HS256, Algorithm.RS256, Algorithm.ES256, Algorithm.ES512, Algorithm.EDDSA]
BASE64: Final = "one token has one spelling: whoever keeps a list of tokens is walked around otherwise"
OBJECT: Final = "claims are one strict object: no member twice, no NaN, no overflow, bounded depth"
HEADER: Final = "nothing of the header is tolerated that is not understood, and what is read has its type"
DIFFERENCES: Final = {
    ("PyJWT", "token_malformed", "base64url"): BASE64,
    ("PyJWT", "token_malformed", "JSON"): OBJECT,
    ("joserfc", "token_malformed", "JSON"): OBJECT,
    ("PyJWT", "token_header", "header"): HEADER,
    ("joserfc", "token_header", "header"): HEADER,
}
"""Who accepts what we refuse, by our code and what it was about."""


@final
class Verdict(NamedTuple):
    """The claims, or why not."""

    claims: object
    code: str = ""
    about: str = ""


def ours(token: bytes, key: SigningKey) -> Verdict:
    try:
        return Verdict(verify_token(token, key.verification))
    except Rejected as error:
        about = next(
            (word for word in ("base64url", "JSON", "header", "segments") if word in error.detail), error.detail
        )
        return Verdict(None, error.code, "header" if error.code == "token_header" else about)


@cache
def their_key(key: SigningKey) -> Any:  # Any: a key class of joserfc
    members = (
        key.verification.public_jwk()
        if not key.algorithm.startswith("HS")
        else {
            "kty": "oct",
            "k": encode_base64url(key.private_der()).decode(),
        }
    )
    return import_key({name: value for name, value in members.items() if name not in ("kid", "use", "alg")})


def joserfc_verdict(token: bytes, key: SigningKey) -> object:
    try:
        found = jws.deserialize_compact(token, their_key(key), algorithms=[key.algorithm.value])
        return json.loads(found.payload)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError, KeyError):
        return None


@cache
def pyjwt_key(key: SigningKey) -> Any:  # Any: whatever PyJWT makes of a JWK
    return jwt.PyJWK({**their_key(key).as_dict(private=False), "alg": key.algorithm.value})


def pyjwt_verdict(token: bytes, key: SigningKey) -> object:
    unchecked = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
    try:
        return jwt.decode(token, pyjwt_key(key), algorithms=[key.algorithm.value], options=unchecked)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def differences(token: bytes, key: SigningKey) -> set[tuple[str, str, str]]:
    """Whoever accepts what we refuse. What we accept they must accept."""
    mine = ours(token, key)
    theirs = {"joserfc": joserfc_verdict(token, key), "PyJWT": pyjwt_verdict(token, key)}
    if mine.claims is not None:
        assert all(same(mine.claims, claims) for claims in theirs.values()), (token, mine, theirs)
        return set()
    return {(name, mine.code, mine.about) for name, claims in theirs.items() if claims is not None}


PAYLOADS: Final = [
    json.dumps(CLAIMS).encode(),
    json.dumps(CLAIMS, separators=(",", ":")).encode(),
    b"{}",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":1e400}',
    b'{"a":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}',
    b'{"a":"\\u00e9\\n"}',
    b'{"a":"\xc3\xa9"}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b'{"a":1.50,"b":-0,"c":1E2}',
    b"[1]",
    b"5",
    b"",
]
HEADERS: Final[list[dict[str, object]]] = [
    {},
    {"typ": "at+jwt"},
    {"kid": "a"},
    {"kid": 1},
    {"kid": None},
    {"typ": 5},
    {"crit": []},
    {"crit": ["exp"], "exp": 1},
    {"b64": True},
    {"b64": False, "crit": ["b64"]},
    {"zip": "DEF"},
    {"jwk": {"kty": "oct", "k": "AAAA"}},
    {"alg": "none"},
    {"alg": "HS256"},
    {"alg": "ES384"},
    {"alg": None},
]


def signed(key: SigningKey, header: dict[str, object], payload: bytes) -> bytes:
    text = json.dumps({"alg": key.algorithm.value, **header}, separators=(",", ":")).encode()
    signing_input = encode_base64url(text) + b"." + encode_base64url(payload)
    return signing_input + b"." + encode_base64url(key.sign(signing_input))


def respelled(token: bytes, draw: random.Random) -> bytes:
    """Damage of the kind that decoders forgive."""
    at = draw.randrange(len(token) + 1)
    pieces = [b"=", b"==", b"\n", b" ", b"\0", b".", b"A", b"-", b"+", b"%", bytes([draw.randrange(256)])]
    kind = draw.randrange(5)
    if kind == 0:
        return token + draw.choice(pieces)
    if kind == 1:
        return token[:at] + draw.choice(pieces) + token[at:]
    if kind == 2:
        return token[:at] + token[at + 1 :]
    if kind == 3:
        return token.replace(b".", draw.choice(pieces) + b".", 1)
    return token[:at] + draw.choice(pieces) + token[at + 1 :]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_good_and_odd_tokens_are_judged_alike_or_the_reason_is_listed(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    found = set[tuple[str, str, str]]()
    for header in HEADERS:
        for payload in PAYLOADS if header == {} else PAYLOADS[:1]:
            found |= differences(signed(key, header, payload), key)
    assert found <= set(DIFFERENCES)
    # They do differ: the comparison is not between three that refuse everything.
    assert found


@settings(max_examples=150)
@given(st.sampled_from(ALGORITHMS), st.sampled_from(PAYLOADS), st.sampled_from(HEADERS), st.integers(0, 2**32))
def test_damaged_tokens_are_judged_alike_or_the_reason_is_listed(
    algorithm: Algorithm, payload: bytes, header: dict[str, object], seed: int
) -> None:
    key = sample_key(algorithm)
    token = signed(key, header, payload)
    draw = random.Random(seed)  # noqa: S311  # damage needs no secrecy
    for _ in range(4):
        token = respelled(token, draw)
        assert differences(token, key) <= set(DIFFERENCES)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_others_sign_we_verify(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    signer = their_key(key) if algorithm is Algorithm.HS256 else import_key(_pem(key), their_key(key).key_type)
    for payload in PAYLOADS[:3]:
        token = jws.serialize_compact({"alg": algorithm.value}, payload, signer, algorithms=[algorithm.value])
        assert verify_token(token.encode(), key.verification) == json.loads(payload)


def _pem(key: SigningKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

    private = load_der_private_key(key.private_der(), None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
