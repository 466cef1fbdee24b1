import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from tests.crypto.jose.samples import sample_key
from tests.frame.vectors import Vectors

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.jose.signing import (
    IMPORT_BYTES_MAX,
    RSA_BITS_GENERATED,
    SigningKey,
    generate_signing_key,
    import_signing_key,
    load_signing_key,
)

# Opening an RSA key checks it, which takes its time: one algorithm of each padding stands for the others.
TRIED = [a for a in Algorithm if a not in (Algorithm.RS384, Algorithm.RS512, Algorithm.PS256, Algorithm.PS512)]
ASYMMETRIC = [algorithm for algorithm in TRIED if not algorithm.startswith("HS")]
WITHOUT_PASSWORD = NoEncryption()


def pem_of(key: SigningKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    private = load_der_private_key(key.private_der(), None)
    return private.private_bytes(Encoding.PEM, form, WITHOUT_PASSWORD)


def private_jwk_of(key: SigningKey) -> dict[str, object]:
    """The private JWK by an independent hand."""
    from joserfc.jwk import import_key

    kty: Any = key.verification.public_jwk()["kty"]  # one of the literals its overloads name
    return {**import_key(pem_of(key), kty).as_dict(private=True), "alg": key.algorithm.value}


def not_importable(text: bytes, algorithm: Algorithm | None = None) -> str:
    with pytest.raises(UnusableKey) as caught:
        import_signing_key(text, algorithm=algorithm)
    return caught.value.reason


@pytest.mark.parametrize("algorithm", TRIED)
def test_a_key_is_opened_from_what_was_sealed(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    opened = load_signing_key(key.private_der(), algorithm, "a name")
    assert (opened.kid, opened.verification.kid, opened.algorithm) == ("a name", "a name", algorithm)
    key.verification.verify(b"x", opened.sign(b"x"))
    opened.verification.verify(b"x", key.sign(b"x"))


@pytest.mark.parametrize("algorithm", TRIED)
def test_a_key_is_named_by_its_thumbprint_unless_it_has_a_name(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    assert key.kid == key.verification.kid == key.verification.thumbprint
    assert len(key.kid) == 43
    for kid in ("", "k" * 257):
        with pytest.raises(UnusableKey):
            load_signing_key(key.private_der(), algorithm, kid)


@pytest.mark.parametrize("algorithm", [a for a in Algorithm if a[:2] in ("HS", "ES", "Ed")])
def test_randomness_is_an_argument(algorithm: Algorithm) -> None:
    keys = {generate_signing_key(algorithm, random.Random(seed).randbytes).kid for seed in (1, 1, 2)}  # noqa: S311
    assert len(keys) == 2


def test_an_rsa_key_made_here_has_the_stated_length() -> None:
    private = load_der_private_key(sample_key(Algorithm.RS256).private_der(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == RSA_BITS_GENERATED


@pytest.mark.parametrize("algorithm", TRIED)
def test_a_key_opens_only_for_its_own_kind_of_algorithm(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    same_kind = {"HS": "HS", "RS": "RS PS", "PS": "RS PS"}.get(algorithm[:2], algorithm.value).split()
    for other in TRIED:
        if algorithm.startswith("HS") or other.startswith("HS") or other[:2] in same_kind or other is algorithm:
            continue
        with pytest.raises(UnusableKey):
            load_signing_key(key.private_der(), other)


def test_a_private_key_shows_nowhere() -> None:
    for algorithm in Algorithm:
        key = sample_key(algorithm)
        private = key.private_der()
        shown = repr(key) + str(key) + repr(key.verification)
        assert repr(key) == f"SigningKey(kid={key.kid!r}, algorithm={algorithm.value!r})"
        assert repr(private)[2:-1] not in shown
        assert private.hex() not in shown


OLDER_FORMS = [(a, PrivateFormat.TraditionalOpenSSL) for a in ASYMMETRIC if a is not Algorithm.EDDSA]


@pytest.mark.parametrize(("algorithm", "form"), [*((a, PrivateFormat.PKCS8) for a in ASYMMETRIC), *OLDER_FORMS])
def test_a_pem_is_imported(algorithm: Algorithm, form: PrivateFormat) -> None:
    key = sample_key(algorithm)
    text = b"\n" + pem_of(key, form) + b"\n"
    imported = import_signing_key(text, algorithm=algorithm)
    assert (imported.kid, imported.algorithm) == (key.kid, algorithm)
    implied = import_signing_key(text).algorithm
    assert implied is (Algorithm.RS256 if algorithm[:2] in ("RS", "PS") else algorithm)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_private_jwk_is_imported(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    members = private_jwk_of(key)
    imported = import_signing_key(json.dumps({**members, "kid": "from the JWK"}).encode())
    assert (imported.kid, imported.algorithm) == ("from the JWK", algorithm)
    key.verification.verify(b"x", imported.sign(b"x"))
    named = import_signing_key(json.dumps(members).encode(), algorithm=algorithm, kid="from the caller")
    assert named.kid == "from the caller"
    del members["alg"]
    assert import_signing_key(json.dumps(members).encode(), algorithm=algorithm).algorithm is algorithm


def test_a_secret_is_imported_as_a_jwk_only() -> None:
    key = sample_key(Algorithm.HS256)
    members = {"kty": "oct", "k": encode_base64url(key.private_der()).decode()}
    imported = import_signing_key(json.dumps({**members, "alg": "HS256"}).encode())
    key.verification.verify(b"x", imported.sign(b"x"))
    assert import_signing_key(json.dumps(members).encode(), algorithm=Algorithm.HS256).kid == key.kid
    not_importable(json.dumps(members).encode())
    not_importable(key.private_der(), Algorithm.HS256)
    not_importable(b"a secret of more than thirty-two octets", Algorithm.HS256)


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.HS384, Algorithm.HS512])
def test_a_pem_is_never_a_secret(algorithm: Algorithm) -> None:
    for asymmetric in (Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA):
        not_importable(pem_of(sample_key(asymmetric)), algorithm)


def changed(members: Mapping[str, object], **changes: object) -> bytes:
    kept = {name: value for name, value in {**members, **changes}.items() if value is not None}
    return json.dumps(kept).encode()


def test_a_public_half_that_belongs_to_another_key_is_refused() -> None:
    stranger = generate_signing_key(Algorithm.ES256, random.Random(3).randbytes)  # noqa: S311  # a stranger's
    ours = private_jwk_of(sample_key(Algorithm.ES256))
    theirs = private_jwk_of(stranger)
    assert "another key" in not_importable(changed(ours, x=theirs["x"], y=theirs["y"]))
    ed = private_jwk_of(sample_key(Algorithm.EDDSA))
    assert "another key" in not_importable(changed(ed, x=ours["x"]))
    rs, other = (private_jwk_of(sample_key(algorithm)) for algorithm in (Algorithm.RS256, Algorithm.RS384))
    assert not_importable(changed(rs, n=other["n"]))


def test_a_jwk_that_is_not_a_whole_private_key_is_refused() -> None:
    for algorithm in (Algorithm.ES256, Algorithm.EDDSA, Algorithm.RS256):
        members = private_jwk_of(sample_key(algorithm))
        for changes in ({"d": None}, {"d": "AA"}, {"d": 1}, {"use": "enc"}, {"key_ops": ["verify"]}, {"alg": "ES512"}):
            reason = not_importable(changed(members, **changes))
            assert str(members["d"]) not in reason
    rsa_members = private_jwk_of(sample_key(Algorithm.RS256))
    for name, value in (("p", None), ("qi", None), ("q", rsa_members["p"]), ("oth", [])):
        not_importable(changed(rsa_members, **{name: value}))
    not_importable(b'{"kty":"EC","kty":"EC"}')
    not_importable(changed(private_jwk_of(sample_key(Algorithm.ES256)), kid=7))


def test_a_jwk_for_one_algorithm_is_not_imported_for_another() -> None:
    members = private_jwk_of(sample_key(Algorithm.RS256))
    not_importable(json.dumps(members).encode(), Algorithm.PS256)
    not_importable(json.dumps({**members, "alg": None}).encode(), Algorithm.PS256)


def test_keys_that_no_verifier_takes_are_not_imported() -> None:
    def pem(
        private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey | ed448.Ed448PrivateKey,
    ) -> bytes:
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, WITHOUT_PASSWORD)

    not_importable(pem(rsa.generate_private_key(65_537, 1_024)))  # noqa: S505  # that is the point
    not_importable(pem(ec.generate_private_key(ec.SECP256K1())))
    not_importable(pem(dsa.generate_private_key(1_024)))  # noqa: S505  # that is the point
    not_importable(pem(ed448.Ed448PrivateKey.generate()))
    not_importable(pem(ec.generate_private_key(ec.SECP384R1())), Algorithm.ES256)
    private = load_der_private_key(sample_key(Algorithm.ES256).private_der(), None)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    assert "encrypted" in not_importable(locked)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for text in (b"", b"x", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", public):
        not_importable(text)
    not_importable(pem_of(sample_key(Algorithm.ES256)) + b"\n" * IMPORT_BYTES_MAX)


def test_the_private_keys_of_the_cookbook_sign(vectors: Vectors) -> None:
    files = vectors.files("jose-cookbook")
    for name in (
        "jwk/3_2.ec_private_key.json",
        "jwk/3_4.rsa_private_key.json",
        "jwk/3_5.symmetric_key_mac_computation.json",
    ):
        key = import_signing_key(files[name])
        assert key.kid == json.loads(files[name])["kid"]
        key.verification.verify(b"x", key.sign(b"x"))
