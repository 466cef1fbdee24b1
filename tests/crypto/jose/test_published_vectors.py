"""Wycheproof and the examples of the RFCs. Where we differ from a label, the reason is in a table here."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pytest
from tests.frame.vectors import Vectors

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import decode_base64url, encode_base64url
from doorward.crypto.jose.jwk import UnusableKey, VerificationKey, parse_jwk
from doorward.crypto.jose.jws import parse_compact, parse_payload, verify_signature
from doorward.crypto.jose.primitives import bind_hmac
from doorward.errors import Rejected

_NO_SUCH_NAME: Final = "the JWK's `alg` is ES521, a name that RFC 7518 does not have: the key is refused"
_ONE_ALGORITHM: Final = "the JWK is for PS256 and the token for PS384: a key has one algorithm (RFC 8725 section 3.1)"
_NOT_BASE64URL: Final = "known_label_problems.json: there is a `?` inside the token"
_IDENTICAL: Final = "known_label_problems.json: identical to the valid case 357"
DEVIATIONS: Final = {
    346: _ONE_ALGORITHM,
    347: _NO_SUCH_NAME,
    350: _ONE_ALGORITHM,
    351: _NO_SUCH_NAME,
    367: _IDENTICAL,
    370: _IDENTICAL,
    372: _NOT_BASE64URL,
    373: _NOT_BASE64URL,
}
"""Cases of json_web_signature_test whose label we do not follow, and why."""

Group = Mapping[str, Any]


def wycheproof(vectors: Vectors, name: str) -> list[Group]:
    groups: list[Group] = json.loads(vectors.files("wycheproof")[f"testvectors_v1/{name}.json"])["testGroups"]
    return groups


def key_of(jwk: Mapping[str, object]) -> VerificationKey | None:
    try:
        return parse_jwk(jwk)
    except UnusableKey:
        return None


def is_valid(key: VerificationKey | None, token: object) -> bool:
    text = token if isinstance(token, str) else json.dumps(token)
    try:
        compact = parse_compact(text.encode())
        decode_base64url(compact.payload_b64)
        if key is None:
            return False
        verify_signature(compact, key)
    except Rejected:
        return False
    return True


def test_wycheproof_web_signatures(vectors: Vectors) -> None:
    differing = set()
    groups = wycheproof(vectors, "json_web_signature_test")
    assert sum(len(group["tests"]) for group in groups) == 401
    for group in groups:
        key = key_of(group.get("public") or group["private"])
        cases = group["tests"]
        differing |= {case["tcId"] for case in cases if is_valid(key, case["jws"]) != (case["result"] == "valid")}
    assert differing == set(DEVIATIONS)


def test_wycheproof_encrypted_tokens_are_all_refused(vectors: Vectors) -> None:
    for group in wycheproof(vectors, "json_web_encryption_test"):
        keys = [key_of({**group[half], "use": "sig"}) for half in ("public", "private") if half in group]
        for case in group["tests"]:
            assert not any(is_valid(key, case["jwe"]) for key in [*keys, None])


def judged(groups: list[Group], jwk_of: Any, signature: str = "sig") -> Counter[str]:
    """Run every case; how many of each label there were, and how many keys were refused."""
    seen: Counter[str] = Counter()
    for group in groups:
        for case in group["tests"]:
            key = key_of(jwk_of(group, case))
            if key is None:
                seen["key refused"] += 1
                continue
            try:
                key.verify(bytes.fromhex(case["msg"]), bytes.fromhex(case[signature]))
                outcome = "valid"
            except Rejected:
                outcome = "invalid"
            assert case["result"] in (outcome, "acceptable"), case
            seen[case["result"]] += 1
    return seen


@pytest.mark.parametrize("curve", ["secp256r1_sha256", "secp384r1_sha384", "secp521r1_sha512"])
def test_wycheproof_ecdsa(vectors: Vectors, curve: str) -> None:
    groups = wycheproof(vectors, f"ecdsa_{curve}_p1363_test")
    crv = f"P-{curve[4:7]}"

    def jwk_of(group: Group, _: object) -> dict[str, str]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])[1:]
        x, y = (encode_base64url(half).decode() for half in (point[: len(point) // 2], point[len(point) // 2 :]))
        return {"kty": "EC", "crv": crv, "x": x, "y": y}

    seen = judged(groups, jwk_of)
    assert seen["valid"] > 50
    assert seen["invalid"] > 80
    assert not seen["key refused"]


def test_wycheproof_ed25519(vectors: Vectors) -> None:
    seen = judged(wycheproof(vectors, "ed25519_test"), lambda group, _: group["publicKeyJwk"])
    assert seen["valid"] > 50
    assert seen["invalid"] > 40
    assert not seen["key refused"]


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_wycheproof_hmac(vectors: Vectors, bits: int) -> None:
    """Every key that is too short is refused, and so is every tag that was cut."""
    whole: list[Group] = []
    for group in wycheproof(vectors, f"hmac_sha{bits}_test"):
        cut = group["tagSize"] < bits
        cases = [{**case, "result": "invalid" if cut else case["result"]} for case in group["tests"]]
        whole.append({**group, "tests": cases})

    def jwk_of(_group: Group, case: Mapping[str, str]) -> dict[str, str]:
        key = encode_base64url(bytes.fromhex(case["key"])).decode()
        return {"kty": "oct", "alg": f"HS{bits}", "k": key}

    seen = judged(whole, jwk_of, "tag")
    short = sum(len(bytes.fromhex(case["key"])) < bits // 8 for group in whole for case in group["tests"])
    assert seen["key refused"] == short > 0
    assert seen["valid"] > 25
    assert seen["invalid"] > 50


def octets(hexadecimal: str) -> str:
    number = int(hexadecimal, 16)
    return encode_base64url(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()


def rsa_jwk(group: Group, algorithm: str) -> dict[str, str]:
    numbers = group["publicKey"]
    return {"kty": "RSA", "alg": algorithm, "n": octets(numbers["modulus"]), "e": octets(numbers["publicExponent"])}


@pytest.mark.parametrize("length", [2048, 3072, 4096])
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_wycheproof_rsa_pkcs1(vectors: Vectors, length: int, bits: int) -> None:
    groups = wycheproof(vectors, f"rsa_signature_{length}_sha{bits}_test")
    seen = judged(groups, lambda group, _: rsa_jwk(group, f"RS{bits}"))
    assert seen["valid"] > 5
    assert seen["invalid"] > 200
    assert not seen["key refused"]


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("2048_sha256_mgf1_32", "PS256"),
        ("3072_sha256_mgf1_32", "PS256"),
        ("2048_sha384_mgf1_48", "PS384"),
        ("4096_sha384_mgf1_48", "PS384"),
        ("4096_sha512_mgf1_64", "PS512"),
    ],
)
def test_wycheproof_rsa_pss(vectors: Vectors, name: str, algorithm: str) -> None:
    groups = wycheproof(vectors, f"rsa_pss_{name}_test")
    seen = judged(groups, lambda group, _: rsa_jwk(group, algorithm))
    assert seen["valid"] > 5
    assert seen["invalid"] > 40
    assert not seen["key refused"]


def rfc(vectors: Vectors, number: int) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(vectors.files("jose-rfc")["rfc_examples.json"])[f"rfc{number}"]
    return cases


def example_hmac_key(case: Mapping[str, Any]) -> VerificationKey:
    """The HMAC key of RFC 7515 A.1. As a key it is refused: it is on the list of known secrets, and rightly so."""
    secret = decode_base64url(case["key"]["k"].encode())
    assert key_of({**case["key"], "alg": "HS256"}) is None
    return VerificationKey(None, Algorithm.HS256, frozenset({"HS256"}), "", bind_hmac(secret, Algorithm.HS256), ())


def test_the_examples_of_rfc_7515_and_7519(vectors: Vectors) -> None:
    hmac_example, *others = rfc(vectors, 7515)
    hmac_key = example_hmac_key(hmac_example)
    verified = 0
    for case in (hmac_example, *others):
        if case["expect"] == "valid" and "token" in case:
            key = hmac_key if case is hmac_example else parse_jwk(case["key"])
            compact = parse_compact(case["token"].encode())
            verify_signature(compact, key)
            assert compact.payload_b64.decode() == case["payload_b64url"]
            if "A.4" not in case["section"]:
                assert parse_payload(compact) == rfc(vectors, 7519)[0]["claims"]
            verified += 1
        else:
            assert not is_valid(hmac_key, case.get("token", case.get("jws")))
    assert verified == 4
    assert [is_valid(hmac_key, case["token"]) for case in rfc(vectors, 7519)] == [True, False, False, False]


def test_the_examples_of_rfc_7797_and_8037(vectors: Vectors) -> None:
    encoded, unencoded, _ = rfc(vectors, 7797)
    assert is_valid(example_hmac_key(encoded), encoded["token"])
    with pytest.raises(Rejected, match="token_header"):
        parse_compact(unencoded["token"].encode())
    (ed25519,) = rfc(vectors, 8037)
    assert is_valid(parse_jwk(ed25519["key"]), ed25519["token"])


def test_the_keys_of_rfc_7517(vectors: Vectors) -> None:
    examples = json.loads(vectors.files("jose-rfc")["rfc_examples.json"])["rfc7517"]
    usable = [key_of(jwk) for jwk in examples["A.1_public_keys"]["keys"]]
    assert [key and key.algorithm.value for key in usable] == [None, "RS256"]
    assert [key_of(jwk) for jwk in examples["A.3_symmetric"]["keys"]] == [None, None]
    assert key_of(examples["C.1_rsa_private_key"]) is None
    certified = key_of(examples["B_x5c"])
    assert certified is not None
    assert "x5c" not in certified.public_jwk()


def test_the_cookbook(vectors: Vectors) -> None:
    """RFC 7520 section 4 and its later companions: compact ones verify, JSON ones and unencoded ones are refused."""
    outcome: dict[str, bool] = {}
    for name, text in vectors.files("jose-cookbook").items():
        if not name.endswith(".json") or name.partition("/")[0] not in ("jws", "curve25519", "rfc7797"):
            continue
        case = json.loads(text)
        if "ecdh" in name or not isinstance(case["input"]["key"], dict):
            continue
        for form, token in case["output"].items():
            named = {"alg": case["input"]["alg"]} if isinstance(case["input"]["alg"], str) else {}
            outcome[f"{name} {form}"] = is_valid(key_of({**case["input"]["key"], **named}), token)
    accepted = {name for name, valid in outcome.items() if valid}
    assert accepted == {
        "curve25519/jws.json compact",
        "jws/4_1.rsa_v15_signature.json compact",
        "jws/4_2.rsa-pss_signature.json compact",
        "jws/4_3.ecdsa_signature.json compact",
        "jws/4_4.hmac-sha2_integrity_protection.json compact",
    }
    assert len(outcome) > 12
