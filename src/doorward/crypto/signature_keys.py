"""Keys for HTTP signatures from JSON Web Keys (RFC 7517, 7518 section 6, 8037).

Rules:

* `kty`, `crv` and `alg` must agree, and together they name one algorithm. Without `alg` a P-256 key means ES256, P-384
  ES384, Ed25519 EdDSA and RSA RS256; a secret is good for HMAC-SHA256 alone, so it needs to say nothing. The names of
  RFC 9421 are taken as well as JOSE's.
* A key that is made for something else (`use: enc`, another curve, another algorithm) is left out. One that contradicts
  itself or is weak stops the start, with words; the key itself is never in them.
* A key without `kid` is known by its thumbprint (RFC 7638). A secret must have one: its thumbprint would be published.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from doorward.crypto.jose.jwk import kid_of_jwk, octets_of, parse_jwk
from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.jose.members import parse_object
from doorward.crypto.jose.signing import import_signing_key
from doorward.crypto.signatures import JOSE_NAMES, SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Misconfigured, Rejected

__all__ = ["SIGNATURE_KEYS_MAX", "JsonKey", "find_algorithm_of", "parse_json_keys"]

SIGNATURE_KEYS_MAX: Final = 1_000
"""How many keys a set for signatures may hold."""

_NAMES: Final[Mapping[object, SignatureAlgorithm]] = {
    "Ed25519": SignatureAlgorithm.ED25519,
    **{name.value: algorithm for algorithm, name in JOSE_NAMES.items()},
    **{algorithm.value: algorithm for algorithm in SignatureAlgorithm},
}
_UNSAID: Final[Mapping[tuple[object, object], SignatureAlgorithm]] = {
    ("oct", None): SignatureAlgorithm.HMAC_SHA256,
    ("OKP", "Ed25519"): SignatureAlgorithm.ED25519,
    ("EC", "P-256"): SignatureAlgorithm.ECDSA_P256_SHA256,
    ("EC", "P-384"): SignatureAlgorithm.ECDSA_P384_SHA384,
    ("RSA", None): SignatureAlgorithm.RSA_V1_5_SHA256,
}
_RSA: Final = (SignatureAlgorithm.RSA_V1_5_SHA256, SignatureAlgorithm.RSA_PSS_SHA512)


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
        text: JSON, from the operator; the caller bounds its size.

    Raises:
        Misconfigured: no JSON of that form, an id twice, or a key that contradicts itself or is too weak.
    """
    try:
        members = parse_object(text)
    except Rejected as error:
        raise _bad(f"the text is {error.detail}") from None
    jwks = members.get("keys", [members] if "kty" in members else None)
    if not isinstance(jwks, list) or len(jwks) > SIGNATURE_KEYS_MAX:
        raise _bad(f"the text is no JWK and no set of at most {SIGNATURE_KEYS_MAX}")
    found: dict[str, JsonKey] = {}
    for jwk in jwks:
        if not isinstance(jwk, dict):
            raise _bad("one of them is no object")
        try:
            key = _key_of(jwk)
        except UnusableKey as error:
            raise _bad(error.reason) from None
        if key is None:
            continue
        if key.key_id in found:
            # Whoever owns one of two keys of one name would be taken for the other.
            raise _bad("two of them have the same id")
        found[key.key_id] = key
    return found


def find_algorithm_of(jwk: Mapping[str, object]) -> SignatureAlgorithm | None:
    """The one algorithm of a JWK; None when no signature of ours is made with such a key.

    Raises:
        UnusableKey: its `alg` is of another kind of key.
    """
    kty = jwk.get("kty")
    place = (kty, jwk.get("crv") if kty in ("OKP", "EC") else None)
    unsaid = _UNSAID.get(place) if all(isinstance(part, str | None) for part in place) else None
    said = jwk.get("alg")
    algorithm = unsaid if said is None else _NAMES.get(said) if isinstance(said, str) else None
    if unsaid is None or algorithm is None or jwk.get("use", "sig") != "sig":
        return None
    if algorithm is not unsaid and (kty != "RSA" or algorithm not in _RSA):
        raise UnusableKey("its `alg` is of another kind of key")
    return algorithm


def _key_of(jwk: Mapping[str, object]) -> JsonKey | None:
    algorithm = find_algorithm_of(jwk)
    if algorithm is None:
        return None
    key_id = kid_of_jwk(jwk)
    if key_id is not None and not (key_id.isascii() and key_id.isprintable()):
        raise UnusableKey("its `kid` is not printable ASCII, so no signature can name it")
    operations = jwk.get("key_ops", ["sign", "verify"])
    if not isinstance(operations, list):
        raise UnusableKey("its `key_ops` is no list")
    may = frozenset(operation for operation in operations if isinstance(operation, str))
    return _secret(jwk, key_id, may) if jwk["kty"] == "oct" else _pair(jwk, algorithm, key_id, may)


def _secret(jwk: Mapping[str, object], key_id: str | None, may: frozenset[str]) -> JsonKey:
    if key_id is None:
        raise UnusableKey("a secret needs a `kid`")
    signer = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, octets_of(jwk, "k"))
    return JsonKey(key_id, signer.verifier if "verify" in may else None, signer if "sign" in may else None)


def _pair(jwk: Mapping[str, object], algorithm: SignatureAlgorithm, key_id: str | None, may: frozenset[str]) -> JsonKey:
    plain = {name: value for name, value in jwk.items() if name != "key_ops"} | {"alg": JOSE_NAMES[algorithm].value}
    verification = parse_jwk(plain)
    signer = None
    if "d" in jwk and "sign" in may:
        signer = SignatureSigner(algorithm, import_signing_key(msgspec.json.encode(plain)))
    verifier = SignatureKey(algorithm, verification) if "verify" in may else None
    return JsonKey(key_id or verification.thumbprint, verifier, signer)
