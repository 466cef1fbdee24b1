"""RFC 9421 appendix B and section examples, RFC 9530 digests: the published bases, signatures and verdicts."""

import json
from base64 import b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from tests.frame.vectors import Vectors

from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Rejected
from doorward.methods.signature import PROFILES, Message, parse_signatures, verify_request
from doorward.methods.signature.base import build_base
from doorward.methods.signature.digest import BodyCheck, parse_content_digest

ANY = PROFILES["danger-any"]


def _message(case: dict[str, Any]) -> Message:
    said = case["message"]
    headers = [(name.lower().encode(), value.encode()) for name, value in said["headers"]]
    headers += [(b"signature-input", case["signature_input"].encode()), (b"signature", case["signature"].encode())]
    return Message(
        method=said.get("method", "GET"),
        target=said.get("target", "/").encode(),
        scheme=said.get("scheme", "https"),
        authority=next((value for name, value in headers if name == b"host"), None),
        headers=headers,
    )


def _key(rows: dict[str, Any], case: dict[str, Any]) -> SignatureKey:
    row = rows[case["keyid"]]
    if "secret_b64" in row:
        return SignatureKey(SignatureAlgorithm.HMAC_SHA256, b64decode(row["secret_b64"]))
    public: Any = load_pem_public_key(row["public_pem"].encode())
    return SignatureKey(SignatureAlgorithm(case["alg"]), public)


def _load(vectors: Vectors) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(vectors.files("http-signatures")["rfc9421.json"])
    return loaded


def _verdict(rows: dict[str, Any], case: dict[str, Any]) -> str:
    key = _key(rows, case)
    try:
        verified = verify_request(_message(case), {case["keyid"]: key}, ANY, 1_618_884_473 + 10)
    except Rejected as error:
        return error.code
    assert verified is not None
    return "valid"


def test_every_example_of_a_request_has_the_verdict_of_the_rfc(vectors: Vectors) -> None:
    loaded = _load(vectors)
    requests = [case for case in loaded["cases"] if "method" in case["message"]]
    assert len(requests) > 12
    wanted = {"valid": "valid", "invalid": "signature_mismatch"}
    assert [
        (case["name"], found)
        for case in requests
        if (found := _verdict(loaded["keys"], case)) != wanted[case["expect"]]
    ] == []


def test_every_base_is_the_one_of_the_rfc(vectors: Vectors) -> None:
    for case in _load(vectors)["cases"]:
        if "method" in case["message"]:
            message = _message(case)
            (presented,) = parse_signatures(message) or ()
            base = build_base(presented.covered, presented.said.text, message)
            assert base.decode() == case["signature_base"], case["name"]


def test_an_example_of_a_response_is_no_request(vectors: Vectors) -> None:
    loaded = _load(vectors)
    responses = [case for case in loaded["cases"] if "status" in case["message"]]
    assert responses
    assert {_verdict(loaded["keys"], case) for case in responses} == {"signature_component"}


def test_deterministic_signatures_come_out_to_the_byte(vectors: Vectors) -> None:
    loaded = _load(vectors)
    seen = 0
    for case in loaded["cases"]:
        if case["alg"] not in ("hmac-sha256", "ed25519", "rsa-v1_5-sha256") or case["expect"] != "valid":
            continue
        row = loaded["keys"][case["keyid"]]
        private: Any = (
            b64decode(row["secret_b64"])
            if "secret_b64" in row
            else load_pem_private_key(row["private_pem"].encode(), password=None)
        )
        signature = SignatureSigner(SignatureAlgorithm(case["alg"]), private).sign(case["signature_base"].encode())
        assert signature == b64decode(case["signature"].split(":")[1]), case["name"]
        seen += 1
    assert seen >= 8


@pytest.mark.parametrize("wanted", ["match", "mismatch", "error", "no acceptable algorithm"])
def test_every_example_of_a_digest_has_the_verdict_of_the_rfc(vectors: Vectors, wanted: str) -> None:
    cases = json.loads(vectors.files("http-signatures")["rfc9530_digests.json"])
    for case in cases:
        if case["expect"] == wanted:
            assert _digest_verdict(case) is (wanted == "match"), case["name"]


def _digest_verdict(case: dict[str, Any]) -> bool:
    try:
        check = BodyCheck(parse_content_digest(case["value"].encode()))
        check.update(b64decode(case["body_b64"]))
        check.verify_end()
    except Rejected as error:
        assert error.code == "signature_digest"  # noqa: PT017  # the verdict is what is asked for
        return False
    return True
