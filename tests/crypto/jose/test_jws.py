import json
from typing import Any

import pytest
from tests.crypto.jose.samples import CLAIMS, PAYLOAD, headed, refused, sample_key, token_of, verify_token

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.jws import (
    TOKEN_BYTES_MAX,
    JwsHeader,
    parse_compact,
    parse_payload,
    sign_compact,
    verify_compact,
)
from doorward.crypto.jose.primitives import CURVE_ORDERS

ES256 = sample_key(Algorithm.ES256)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_token_is_read_back_with_every_algorithm(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    compact = parse_compact(sign_compact({"typ": "at+jwt"}, PAYLOAD, key))
    assert compact.header == JwsHeader(algorithm.value, key.kid, "at+jwt")
    assert verify_compact(compact, key.verification) == CLAIMS
    assert parse_payload(compact) == CLAIMS


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_no_bit_of_a_token_can_be_changed(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    token = sign_compact({}, b'{"a":1}', key)
    for at in range(0, len(token), 1 if algorithm is Algorithm.ES256 else 7):
        for other in b"A_.":
            if token[at] != other:
                altered = token[:at] + bytes([other]) + token[at + 1 :]
                with pytest.raises(Exception, match=r"^token_"):
                    verify_compact(parse_compact(altered), key.verification)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_signature_of_another_key_is_refused(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    other = {**dict.fromkeys(Algorithm, Algorithm.ES256), Algorithm.ES256: Algorithm.ES384}[algorithm]
    token = token_of({"alg": algorithm.value}, sample_key(other).sign)
    refused("token_signature", verify_token, token, key.verification)


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "\0none",
        "HS256",
        "ES384",
        "es256",
        "ES256 ",
        "RS256",
        "ES256\0",
    ],
)
def test_the_algorithm_comes_from_the_key(alg: str) -> None:
    """The signature is a good one: only the header lies. `alg: none` in any spelling is one more name nobody has."""
    for signature in (ES256.sign, lambda _: b""):
        token = token_of({"alg": alg}, signature)
        refused("token_algorithm", verify_token, token, ES256.verification)


@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.PS256, Algorithm.HS256])
def test_one_key_has_one_algorithm(algorithm: Algorithm) -> None:
    """The same RSA key or secret would do for its longer hashes: a header may not choose among them."""
    key = sample_key(algorithm)
    for other in set(Algorithm) - {algorithm}:
        token = token_of({"alg": other.value}, key.sign)
        refused("token_algorithm", verify_token, token, key.verification)


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_both_names_of_ed25519_mean_the_same(name: str) -> None:
    key = sample_key(Algorithm.EDDSA)
    assert verify_compact(parse_compact(token_of({"alg": name}, key.sign)), key.verification) == CLAIMS
    refused("token_algorithm", verify_token, token_of({"alg": name}, key.sign), ES256.verification)


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b"{", b'{"exp":1,"exp":2}', b'{"exp":1e400}', b'{"exp":NaN}', b'{"a":"\xff"}']
)
def test_claims_are_one_strict_object(payload: bytes) -> None:
    token = token_of({"alg": "ES256"}, ES256.sign, payload)
    refused("token_malformed", verify_token, token, ES256.verification)


def test_a_token_is_measured_before_it_is_read() -> None:
    fits = sign_compact({}, PAYLOAD, ES256)
    assert parse_compact(fits, token_bytes_max=len(fits)).header.alg == "ES256"
    refused("token_malformed", parse_compact, fits, token_bytes_max=len(fits) - 1)
    padding = "p" * (TOKEN_BYTES_MAX * 3 // 4)
    refused("token_malformed", parse_compact, sign_compact({}, json.dumps({"p": padding}).encode(), ES256))


@pytest.mark.parametrize(
    "presented", [b"", b".", b"..", b"...", b"a", b"a.b", b"a.b.c.d", b"." * 8_000, b"a.b.c.d.e.f"]
)
def test_a_signed_token_has_three_segments(presented: bytes) -> None:
    refused("token_malformed", parse_compact, presented)


def test_every_segment_is_canonical_base64url() -> None:
    header, payload, signature = sign_compact({}, b'{"a":10}', ES256).split(b".")
    for spoiled in (b"=", b"==", b"\n", b" ", b"!", b"+", b"/"):
        for parts in ((header + spoiled, payload, signature), (header, payload, signature + spoiled)):
            refused("token_malformed", parse_compact, b".".join(parts))
        # The payload is under the signature, so a spelling of it that was never signed fails there.
        altered = b".".join((header, payload + spoiled, signature))
        refused("token_signature", verify_token, altered, ES256.verification)
        signing_input = header + b"." + payload + spoiled
        signed = signing_input + b"." + encode_base64url(ES256.sign(signing_input))
        refused("token_malformed", verify_token, signed, ES256.verification)


def test_an_encrypted_token_is_refused() -> None:
    """CVE-2023-51774: a JWE made with the issuer's public RSA key is not signed by anybody."""
    header = encode_base64url(b'{"alg":"RSA-OAEP","enc":"A256GCM"}')
    refused("token_malformed", parse_compact, header + b".AAAA.AAAA.AAAA.AAAA")
    refused("token_header", parse_compact, header + b".AAAA.AAAA")


@pytest.mark.parametrize("compression", [{}, {"zip": "DEF"}])
def test_what_was_encrypted_for_the_public_key_is_refused(compression: dict[str, str]) -> None:
    """Anybody can encrypt to a public key; a library that opens whatever it can takes that for the issuer's word."""
    from joserfc import jwe
    from joserfc.jwk import RSAKey

    key = sample_key(Algorithm.RS256).verification
    members: Any = key.public_jwk()  # joserfc's own type for it
    public = RSAKey.import_key({name: members[name] for name in ("kty", "n", "e")})
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", **compression}
    token = jwe.encrypt_compact(header, PAYLOAD, public)
    assert token.count(".") == 4
    refused("token_malformed", verify_token, token.encode(), key)


@pytest.mark.parametrize("p2c", [2**31, 2**63, 1])
def test_a_password_based_key_is_never_derived(p2c: int) -> None:
    """CVE-2022-36083 and its kind: the header says how long the verifier shall work."""
    token = headed(alg="PBES2-HS256+A128KW", p2c=p2c, p2s="AAAA")
    refused("token_algorithm", verify_token, token, ES256.verification)


def test_a_json_serialisation_is_refused() -> None:
    protected, payload, signature = (part.decode() for part in sign_compact({}, PAYLOAD, ES256).split(b"."))
    flat = {"protected": protected, "payload": payload, "signature": signature}
    for value in (flat, {"payload": payload, "signatures": [flat]}, [f"{protected}.{payload}.{signature}"]):
        refused("token_malformed", parse_compact, json.dumps(value).encode())


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES384, Algorithm.ES512])
def test_an_ecdsa_signature_is_two_numbers_in_range(algorithm: Algorithm) -> None:
    """CVE-2022-21449: r = s = 0 passed for every message."""
    key = sample_key(algorithm)
    order = CURVE_ORDERS[{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm.value]]
    half = len(key.sign(b"")) // 2
    good = int.from_bytes(key.sign(b"x")[:half], "big")
    for r, s in ((0, 0), (0, good), (good, 0), (order, good), (good, order), (order + 1, good), (1, order), (order, 1)):
        forged = r.to_bytes(half, "big") + s.to_bytes(half, "big")
        refused("token_signature", key.verification.verify, b"x", forged)


def test_an_ecdsa_number_out_of_range_is_refused_by_us() -> None:
    """By us and not by the library below: what it does with such numbers has changed before."""
    one, order = bytes(31) + b"\x01", CURVE_ORDERS["P-256"].to_bytes(32)
    for forged in (bytes(64), b"\xff" * 64, bytes(32) + one, one + bytes(32), order + one, one + order):
        with pytest.raises(Exception, match="token_signature") as caught:
            ES256.verification.verify(b"x", forged)
        assert getattr(caught.value, "detail", "") == "an ECDSA number out of range"


def test_a_signature_has_exactly_the_length_of_its_key() -> None:
    for algorithm in Algorithm:
        key = sample_key(algorithm)
        signature = key.sign(b"x")
        key.verification.verify(b"x", signature)
        half = len(signature) // 2
        # A zero between the halves would be read as the beginning of the second number, and change nothing in it.
        between = signature[:half] + b"\0" + signature[half:]
        for altered in (
            b"",
            signature[:-1],
            signature[1:],
            signature + b"\0",
            b"\0" + signature,
            signature * 2,
            between,
        ):
            refused("token_signature", key.verification.verify, b"x", altered)


def test_a_der_signature_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    raw = ES256.sign(b"x")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    refused("token_signature", ES256.verification.verify, b"x", der)


def test_a_token_does_not_print() -> None:
    token = sign_compact({}, PAYLOAD, ES256)
    compact = parse_compact(token)
    for part in (*token.decode().split("."), repr(compact.signature)[2:-1]):
        assert part not in repr(compact)
