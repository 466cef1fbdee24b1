"""A public key is public: whoever can have it taken for an HMAC secret signs what he likes.

PyJWT CVE-2022-29217 and GHSA-xgmm-8j9v-c9wx, Authlib CVE-2024-37568 and CVE-2026-114615, python-jose CVE-2024-33663,
fast-jwt CVE-2023-48223 and CVE-2026-34950: each fixed one spelling of the key. Here no spelling is ever looked at.
"""

import datetime as dt
import hmac
import json
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from tests.crypto.jose.samples import refused, sample_key, token_of, verify_token

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import KeySet, UnusableKey, parse_jwk
from doorward.crypto.jose.jws import parse_compact, verify_compact
from doorward.crypto.jose.signing import SigningKey

ASYMMETRIC = [Algorithm.RS256, Algorithm.PS256, Algorithm.ES256, Algorithm.EDDSA]
HMACS = [Algorithm.HS256, Algorithm.HS384, Algorithm.HS512]


def certificate_of(key: SigningKey) -> x509.Certificate:
    private = load_der_private_key(key.private_der(), None)
    assert isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    from_day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 7, from_day, from_day + dt.timedelta(days=900))
    return builder.sign(private, None if isinstance(private, Ed25519PrivateKey) else hashes.SHA256())


def spellings_of(key: SigningKey) -> Iterator[bytes]:
    """Every form a public key is handed around in."""
    public = load_der_private_key(key.private_der(), None).public_key()
    jwk = key.verification.public_jwk()
    spki = PublicFormat.SubjectPublicKeyInfo
    yield from (public.public_bytes(Encoding.DER, spki), public.public_bytes(Encoding.PEM, spki))
    pem = public.public_bytes(Encoding.PEM, spki)
    yield from (pem.strip(), pem.replace(b"\n", b"\r\n"), pem + b"\n", b"\xef\xbb\xbf" + pem, b"\n" + pem, b" " + pem)
    yield from (b"Public key:\n" + pem, b"\t" + pem, b"\0" + pem, pem.decode().encode("utf-16"))
    if key.algorithm in (Algorithm.RS256, Algorithm.PS256):
        yield from (public.public_bytes(encoding, PublicFormat.PKCS1) for encoding in (Encoding.DER, Encoding.PEM))
    yield public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    certificate = certificate_of(key)
    yield from (certificate.public_bytes(encoding) for encoding in (Encoding.DER, Encoding.PEM))
    for separators in ((",", ":"), (", ", ": ")):
        yield json.dumps(jwk, separators=separators).encode()
        yield json.dumps({"keys": [jwk]}, separators=separators).encode()
        yield json.dumps(
            {n: jwk[n] for n in sorted(jwk) if n not in ("use", "alg", "kid")}, separators=separators
        ).encode()
    yield from (jwk.get("n", jwk.get("x", "")).encode(), key.verification.thumbprint.encode(), b"", b"\0" * 32)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
@pytest.mark.parametrize("claimed", HMACS)
def test_no_spelling_of_a_public_key_is_an_hmac_secret(algorithm: Algorithm, claimed: Algorithm) -> None:
    key = sample_key(algorithm)
    keys = KeySet([key.verification])
    count = 0
    for secret in spellings_of(key):
        count += 1

        def forge(data: bytes, secret: bytes = secret) -> bytes:
            return hmac.digest(secret, data, f"sha{claimed[2:]}")

        for header in ({"alg": claimed.value, "kid": key.kid}, {"alg": claimed.value}):
            compact = parse_compact(token_of(header, forge))
            assert keys.find(compact.header.kid, compact.header.alg) is None
            refused("token_algorithm", verify_compact, compact, key.verification)
        # The header tells the truth and the signature is the attacker's: then it is the key that says no.
        honest = parse_compact(token_of({"alg": algorithm.value, "kid": key.kid}, forge))
        refused("token_signature", verify_compact, honest, key.verification)
    assert count > 20


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_key_does_not_become_a_secret_by_its_alg(algorithm: Algorithm) -> None:
    """A JWK that is written `RSA` and `HS256` at once, as a careless publisher or a hostile one would."""
    public = sample_key(algorithm).verification.public_jwk()
    for claimed in HMACS:
        for kty in (public["kty"], "oct"):
            with pytest.raises(UnusableKey):
                parse_jwk({**public, "kty": kty, "alg": claimed.value})
        with pytest.raises(UnusableKey):
            parse_jwk({**public, "alg": claimed.value, "k": "QQ" * 64})


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_key_of_one_family_never_verifies_for_another(algorithm: Algorithm) -> None:
    for other in set(Algorithm) - {algorithm}:
        token = token_of({"alg": algorithm.value}, sample_key(algorithm).sign)
        refused("token_algorithm", verify_token, token, sample_key(other).verification)
