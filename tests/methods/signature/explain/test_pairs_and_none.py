"""Two breaks at once, what is told when nothing fits, what is never told, and how long it takes."""

import json
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.methods.signature.explain.test_one_break import COMPACT, OURS, explained, names
from tests.simulators.signed import NOW, changed, message, signed

from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.methods.explaining import WORK_UNITS_MAX
from doorward.methods.signature import Message
from doorward.methods.signature.explain import ExplainedKey

LARGE: Final = json.dumps([{"id": i, "name": f"Grüße {i}", "price": i * 1.5} for i in range(2_000)]).encode()


def _without(request: Message, *dropped: bytes) -> Message:
    return changed(request, headers=[header for header in request.headers if header[0] not in dropped])


def test_a_path_and_a_field_are_both_told() -> None:
    request = signed(message((b"x-id", b"a b"), target=b"/api/x"), more_components=['"x-id"'])
    got = changed(request, target=b"/x")
    headers = [(name, b"a  b" if name == b"x-id" else value) for name, value in got.headers]
    assert names(explained(changed(got, headers=headers))) == "field.space + target.path"


def test_a_path_and_a_key_are_both_told() -> None:
    other = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"another secret of thirty-two octets")
    request = changed(signed(message(target=b"/api/x"), signer=other), target=b"/x")
    found = explained(request, keys=(*OURS, ExplainedKey("old", other.verifier, in_use=False)))
    assert names(found) == "key.retired + target.path"


def test_a_path_and_a_body_are_both_told() -> None:
    request = changed(signed(message(target=b"/api/x", body=COMPACT), body=COMPACT), target=b"/x")
    assert names(explained(request, COMPACT + b"\n")) == "body.newline + target.path"


def test_a_path_and_a_clock_are_both_told() -> None:
    request = changed(signed(message(target=b"/api/x")), target=b"/x")
    found = explained(request, now=NOW + 900)
    assert names(found) == "clock + target.path"
    assert found.says.endswith("It was made 900 s ago, and 300 s are allowed.")


def test_a_spelling_and_a_path_are_both_told() -> None:
    request = changed(signed(message(target=b"/api/x")), target=b"/x")
    headers = [
        (name, value.replace(b"=:", b"=").rstrip(b":") if name == b"signature" else value)
        for name, value in request.headers
    ]
    assert names(explained(changed(request, headers=headers))) == "signature.spelling + target.path"


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    place=st.integers(0, 10_000), change=st.integers(1, 255), part=st.sampled_from(["signature", "path", "id", "body"])
)
def test_random_corruption_is_none_of_these(place: int, change: int, part: str) -> None:
    request = signed(
        message((b"x-id", b"q8w3"), target=b"/Zk3/qM8", body=COMPACT), body=COMPACT, more_components=['"x-id"']
    )
    body = COMPACT
    if part == "signature":
        value = dict(request.headers)[b"signature"]
        octets = bytearray(b64decode(value[6:-1]))
        octets[place % len(octets)] ^= change
        spelled = b"sig1=:" + urlsafe_b64encode(octets).replace(b"-", b"+").replace(b"_", b"/") + b":"
        headers = [(name, spelled if name == b"signature" else value) for name, value in request.headers]
        request = changed(request, headers=headers)
    elif part == "path":
        request = changed(request, target=b"/" + b"%02x" % change + b"/%d" % place)
    elif part == "id":
        other = b"r%d" % (place * change)
        request = changed(request, headers=[(n, other if n == b"x-id" else v) for n, v in request.headers])
    else:
        body = b"%d" % place + COMPACT[1 : -(change % 30) or None]
    found = explained(request, body)
    assert found.findings == ()
    assert found.says.startswith("None of these")
    assert found.complete


def test_neither_a_secret_nor_a_signature_is_ever_told() -> None:
    secret = b"hunter2-hunter2"
    request = signed(
        message(
            (b"authorization", b"Bearer " + secret),
            (b"cookie", b"sid=" + secret),
            target=b"/api/x?access_token=hunter2-hunter2&a=1",
        ),
        more_components=['"authorization"', '"cookie"', '"@target-uri"', '"@query-param";name="access_token"'],
    )
    made = dict(request.headers)[b"signature"].decode()[6:-1]
    for got in (request, changed(request, target=b"/x?access_token=hunter2-hunter2&a=1"), _without(request, b"cookie")):
        told = repr(explained(got))
        assert "hunter2" not in told
        assert made not in told
        assert b64decode(made).hex() not in told
        assert "an HMAC secret" not in told


@pytest.mark.parametrize(
    "name",
    [
        "x-hub-signature-256",
        "x-shopify-hmac-sha256",
        "stripe-signature",
        "x-amz-security-token",
        "x-api-key",
        "x-session-id",
    ],
)
def test_signatures_of_other_kinds_are_masked_too(name: str) -> None:
    proof = b"sha256=0123456789abcdef0123456789abcdef"
    request = signed(message((name.encode(), proof)), more_components=[f'"{name}"', f'"{name}";bs'])
    told = repr(explained(request))
    assert "0123456789abcdef" not in told
    assert b64encode(proof).decode() not in told
    assert f"(a credential, {len(proof)} bytes, not shown)" in told


@pytest.mark.parametrize(
    "name",
    ["sig", "%73ig", "%74oken", "%2574oken", "X-Amz-Signature", "client_%73ecret", "PASSWORD", "otp", "code", "jwt"],
)
def test_a_secret_in_a_query_is_masked_however_its_name_is_spelled(name: str) -> None:
    target = f"/x?a=1&{name}=0123456789abcdef&b=2".encode()
    request = changed(signed(message(target=target)), target=b"/y" + target[2:])
    told = repr(explained(request))
    assert "0123456789abcdef" not in told
    assert f"&{name}=(not shown)&b=2" in told


@pytest.mark.parametrize(
    "name", ["x-auth", "x-request-hmac", "x-jwt", "x-saml-assertion", "ticket", "x-passphrase", "otp"]
)
def test_a_field_that_speaks_of_a_secret_is_masked(name: str) -> None:
    request = signed(message((name.encode(), b"0123456789abcdef")), more_components=[f'"{name}"'])
    assert "0123456789abcdef" not in repr(explained(request))


@pytest.mark.parametrize(
    "query", [b"key" * 30_000, b"?" * 90_000, b"&key" * 20_000, b"%25" * 30_000, b"&%2525" * 15_000]
)
def test_a_long_query_is_masked_in_one_go(query: bytes) -> None:
    said = (b"signature-input", b's=("@query");created=1;keyid="k1"'), (b"signature", b"s=:AAAA:")
    started = time.process_time()
    found = explained(message(*said, target=b"/a?" + query))
    assert time.process_time() - started < 1
    assert found.base[0].received is not None


def test_a_signature_field_of_nothing_but_a_label_is_read_once() -> None:
    request = message((b"signature-input", b's=("@query");created=1;keyid="k1"'), (b"signature", b"a" * 16_000))
    started = time.process_time()
    assert "cannot be read" in explained(request).says
    assert time.process_time() - started < 0.2


def test_a_signature_for_somebody_else_does_not_hide_what_happened_to_ours() -> None:
    ours = changed(signed(message(target=b"/api/x")), target=b"/x")
    headers = [
        (name, line + (b', px=("@status";req);tag=""' if name == b"signature-input" else b", px=:AAAA:"))
        if name.startswith(b"signature")
        else (name, line)
        for name, line in ours.headers
    ]
    assert names(explained(changed(ours, headers=headers))) == "target.path"
    assert names(explained(changed(ours, headers=headers, target=b"/api/x"))) == "accepted"


def test_what_only_names_something_is_shown() -> None:
    request = signed(message((b"idempotency-key", b"attempt-7")), more_components=['"idempotency-key"'])
    assert "attempt-7" in repr(explained(request))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["hmac", "ed25519", "p256", "p384"])
def test_a_large_request_is_explained_in_two_seconds(algorithm: str) -> None:
    signer = {
        "hmac": lambda: SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"an HMAC secret of 32 bytes. good"),
        "ed25519": lambda: SignatureSigner(
            SignatureAlgorithm.ED25519, ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        ),
        "p256": lambda: SignatureSigner(SignatureAlgorithm.ECDSA_P256_SHA256, ec.derive_private_key(7, ec.SECP256R1())),
        "p384": lambda: SignatureSigner(SignatureAlgorithm.ECDSA_P384_SHA384, ec.derive_private_key(7, ec.SECP384R1())),
    }[algorithm]()
    body = LARGE[:100_000]
    sent = message((b"x-id", b"a"), (b"accept-encoding", b"gzip"), target=b"/a/b?x=1&y=2&z=3&w=4", body=body)
    more = ['"x-id"', '"accept-encoding"', '"content-length"', '"@target-uri"']
    request = signed(sent, signer=signer, body=body, more_components=more)
    other = [(name, b"another" if name == b"x-id" else value) for name, value in request.headers]
    started = time.process_time()
    found = explained(changed(request, headers=other), body[:-1], keys=(ExplainedKey("k1", signer.verifier),))
    # Of the processor: others may be busy on this machine.
    assert time.process_time() - started < 2
    assert names(found) == "nothing"


def test_the_search_ends_at_its_limit_and_says_so() -> None:
    signer = SignatureSigner(SignatureAlgorithm.ECDSA_P384_SHA384, ec.derive_private_key(7, ec.SECP384R1()))
    request = changed(signed(message(target=b"/a/b?x=1&y=2&z=3&w=4"), signer=signer), target=b"/c/d?q")
    found = explained(request, keys=(ExplainedKey("k1", signer.verifier),))
    assert not found.complete
    assert found.tried < WORK_UNITS_MAX // 500_000
