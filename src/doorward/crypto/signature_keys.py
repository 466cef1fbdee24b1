"""Keys for HTTP signatures from JSON Web Keys (RFC 7517, 7518 section 6, 8037).

Rules:

* `kty`, `crv` and `alg` must agree, and together they name one algorithm. Without `alg` a P-256 key means ES256, P-384
  ES384, Ed25519 EdDSA and RSA RS256; a secret is good for HMAC-SHA256 alone, so it needs to say nothing.
* A key that is made for something else (`use: enc`, `key_ops` without what is asked) is not used.
* A key without `kid` is known by its thumbprint (RFC 7638).
* Keys come from the operator, so what is wrong with one stops the start, with words; the key itself is never in them.
"""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from doorward.crypto.signatures import PrivateKey, PublicKey, SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Misconfigured

__all__ = ["KEY_ID_CHARACTERS_MAX", "JsonKey", "parse_json_keys"]

KEY_ID_CHARACTERS_MAX: Final = 256
"""How long the id of a key may be."""
_KEYS_MAX: Final = 1_000
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAMES: Final[Mapping[str, SignatureAlgorithm]] = {
    "HS256": SignatureAlgorithm.HMAC_SHA256,
    "EdDSA": SignatureAlgorithm.ED25519,
    "Ed25519": SignatureAlgorithm.ED25519,
    "ES256": SignatureAlgorithm.ECDSA_P256_SHA256,
    "ES384": SignatureAlgorithm.ECDSA_P384_SHA384,
    "PS512": SignatureAlgorithm.RSA_PSS_SHA512,
    "RS256": SignatureAlgorithm.RSA_V1_5_SHA256,
    **{algorithm.value: algorithm for algorithm in SignatureAlgorithm},
}
_UNSAID: Final[Mapping[tuple[str, str | None], SignatureAlgorithm]] = {
    ("oct", None): SignatureAlgorithm.HMAC_SHA256,
    ("OKP", "Ed25519"): SignatureAlgorithm.ED25519,
    ("EC", "P-256"): SignatureAlgorithm.ECDSA_P256_SHA256,
    ("EC", "P-384"): SignatureAlgorithm.ECDSA_P384_SHA384,
    ("RSA", None): SignatureAlgorithm.RSA_V1_5_SHA256,
}
_CURVES: Final[Mapping[str, tuple[type[ec.EllipticCurve], int]]] = {
    "P-256": (ec.SECP256R1, 32),
    "P-384": (ec.SECP384R1, 48),
}
# RFC 7638 section 3.2, RFC 8037 section 2: the members a thumbprint is made of, in this order.
_THUMBPRINT: Final[Mapping[str, tuple[str, ...]]] = {
    "oct": ("k", "kty"),
    "OKP": ("crv", "kty", "x"),
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
}


class _Jwk(msgspec.Struct, frozen=True, kw_only=True):
    kty: str
    kid: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: tuple[str, ...] | None = None
    crv: str | None = None
    k: str | None = None
    x: str | None = None
    y: str | None = None
    d: str | None = None
    n: str | None = None
    e: str | None = None
    p: str | None = None
    q: str | None = None
    dp: str | None = None
    dq: str | None = None
    qi: str | None = None

    def __repr__(self) -> str:
        return f"_Jwk(kty={self.kty!r})"


class _Jwks(msgspec.Struct, frozen=True):
    keys: tuple[msgspec.Raw, ...]


class JsonKey(NamedTuple):
    """A key of a set: what it can verify, and what it can sign when the private half is there."""

    key_id: str
    verifier: SignatureKey | None
    signer: SignatureSigner | None


def _bad(what: str) -> Misconfigured:
    return Misconfigured(f"A JSON Web Key cannot be used: {what}.", cure="Look at RFC 7517 and 7518 section 6.")


def parse_json_keys(text: bytes) -> dict[str, JsonKey]:
    """The keys of a JWK set, or of one JWK, by their ids; those of a kind no signature is made with are left out.

    Args:
        text: JSON, from the operator.

    Raises:
        Misconfigured: no JSON of that form, an id twice, or a key that contradicts itself or is too weak.
    """
    try:
        is_set = "keys" in msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        raws = msgspec.json.decode(text, type=_Jwks).keys if is_set else (msgspec.Raw(text),)
        jwks = [msgspec.json.decode(raw, type=_Jwk) for raw in raws]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _bad("the text is no JWK and no JWK set") from None
    if len(jwks) > _KEYS_MAX:
        raise _bad(f"there are more than {_KEYS_MAX} of them")
    found: dict[str, JsonKey] = {}
    for jwk in jwks:
        key = _key_of(jwk)
        if key is None:
            continue
        if key.key_id in found:
            # Whoever owns one of two keys of one name would be taken for the other.
            raise _bad("two of them have the same id")
        found[key.key_id] = key
    return found


def _key_of(jwk: _Jwk) -> JsonKey | None:
    unsaid = _UNSAID.get((jwk.kty, jwk.crv if jwk.kty in ("OKP", "EC") else None))
    algorithm = unsaid if jwk.alg is None else _NAMES.get(jwk.alg)
    if unsaid is None or algorithm is None or jwk.use not in (None, "sig"):
        return None
    if algorithm is not unsaid and jwk.kty != "RSA":
        raise _bad("its `alg` is of another kind of key")
    public, private = _halves(jwk)
    operations = {"sign", "verify"} if jwk.key_ops is None else set(jwk.key_ops)
    signer = SignatureSigner(algorithm, private) if private is not None and "sign" in operations else None
    verifier = SignatureKey(algorithm, public) if "verify" in operations else None
    return JsonKey(_id_of(jwk), verifier, signer)


def _id_of(jwk: _Jwk) -> str:
    if jwk.kid is not None:
        if not 0 < len(jwk.kid) <= KEY_ID_CHARACTERS_MAX or not jwk.kid.isascii() or not jwk.kid.isprintable():
            raise _bad(f"its `kid` is not 1 to {KEY_ID_CHARACTERS_MAX} printable ASCII characters")
        return jwk.kid
    members = {name: getattr(jwk, name) for name in _THUMBPRINT[jwk.kty]}
    return urlsafe_b64encode(sha256(msgspec.json.encode(members)).digest()).rstrip(b"=").decode("ascii")


def _octets(value: str | None, name: str) -> bytes:
    if value is None or _BASE64URL.fullmatch(value) is None:
        raise _bad(f"its `{name}` is not there, or is not base64url")
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except binascii.Error:
        raise _bad(f"its `{name}` is not base64url") from None


def _number(value: str | None, name: str) -> int:
    return int.from_bytes(_octets(value, name))


def _halves(jwk: _Jwk) -> tuple[PublicKey, PrivateKey | None]:
    """The public and the private half; a secret is both."""
    try:
        match jwk.kty:
            case "oct":
                secret = _octets(jwk.k, "k")
                return secret, secret
            case "OKP":
                return _edwards(jwk)
            case "EC":
                return _elliptic(jwk)
            case _:
                return _rsa(jwk)
    except (ValueError, ArithmeticError):
        raise _bad("its numbers make no key of its kind") from None


def _edwards(jwk: _Jwk) -> tuple[PublicKey, PrivateKey | None]:
    public = ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk.x, "x"))
    if jwk.d is None:
        return public, None
    private = ed25519.Ed25519PrivateKey.from_private_bytes(_octets(jwk.d, "d"))
    if private.public_key() != public:
        # Signing with a public half that is not its own gives the private key away.
        raise _bad("its halves do not belong together")
    return public, private


def _elliptic(jwk: _Jwk) -> tuple[PublicKey, PrivateKey | None]:
    curve, size = _CURVES[jwk.crv or ""]
    x, y = _octets(jwk.x, "x"), _octets(jwk.y, "y")
    if len(x) != size or len(y) != size:
        raise _bad("its coordinates are of the wrong length")
    public = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve())
    if jwk.d is None:
        return public.public_key(), None
    private = ec.EllipticCurvePrivateNumbers(_number(jwk.d, "d"), public).private_key()
    return private.public_key(), private


def _rsa(jwk: _Jwk) -> tuple[PublicKey, PrivateKey | None]:
    public = rsa.RSAPublicNumbers(_number(jwk.e, "e"), _number(jwk.n, "n"))
    if jwk.d is None:
        return public.public_key(), None
    exponent, modulus = _number(jwk.d, "d"), public.n
    if jwk.p is None or jwk.q is None:
        p, q = rsa.rsa_recover_prime_factors(modulus, public.e, exponent)
    else:
        p, q = _number(jwk.p, "p"), _number(jwk.q, "q")
    private = rsa.RSAPrivateNumbers(
        p, q, exponent, rsa.rsa_crt_dmp1(exponent, p), rsa.rsa_crt_dmq1(exponent, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()
    return private.public_key(), private
