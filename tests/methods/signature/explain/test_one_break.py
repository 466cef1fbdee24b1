"""Each way in which a signed request usually breaks, and the diagnosis that must come first."""

import gzip
import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.simulators.signed import BODY, KEYS, NOW, SIGNER, changed, message, resigned, signed

from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.errors import Misconfigured
from doorward.methods.signature import DEFAULT_PROFILE, PROFILES, CoverageProfile, Message
from doorward.methods.signature.explain import ExplainedKey, SignatureExplanation, explain_signature
from doorward.methods.signature.explain.explain import EXPLAINED_BODY_BYTES_MAX, EXPLAINED_KEYS_MAX

OURS: Final = (ExplainedKey("k1", KEYS["k1"]),)
DATA: Final = {"name": "Grüße", "amount": 100, "list": [1, 2], "url": "https://e.example/a?b=1"}
COMPACT: Final = json.dumps(DATA, separators=(",", ":"), ensure_ascii=False).encode()
_PLAIN: Final = '"@method" "@authority" "@path" "@query"'
_SAID: Final = f';created={NOW};keyid="k1";nonce="n"'


def explained(
    request: Message,
    body: bytes = b"",
    *,
    keys: tuple[ExplainedKey, ...] = OURS,
    now: int = NOW,
    profile: CoverageProfile = DEFAULT_PROFILE,
) -> SignatureExplanation:
    return explain_signature(request, body, keys, now=now, profile=profile)


def names(explanation: SignatureExplanation) -> str:
    if explanation.accepted:
        return "accepted"
    if not explanation.findings:
        return "nothing"
    return " + ".join(sorted(change.name for change in explanation.findings[0].changes))


def test_what_fits_is_accepted_and_its_base_is_shown() -> None:
    found = explained(signed(message(body=BODY), body=BODY), BODY)
    assert names(found) == "accepted"
    assert [line.component for line in found.base][:2] == ['"@method"', '"@authority"']
    assert not any(line.changed for line in found.base)


TARGETS: Final[dict[str, tuple[dict[str, Any], dict[str, Any], str]]] = {
    "another host": ({}, {"authority": b"inner:8000"}, "target.authority"),
    "port added": ({}, {"authority": b"api.example:8443"}, "target.authority"),
    "port dropped": ({"authority": b"api.example:8443"}, {"authority": b"api.example"}, "target.authority"),
    "prefix stripped": ({"target": b"/api/orders?id=7"}, {"target": b"/orders?id=7"}, "target.path"),
    "prefix added": ({}, {"target": b"/inner/orders?id=7"}, "target.path"),
    "slash added": ({}, {"target": b"/orders/?id=7"}, "target.path"),
    "slash dropped": ({"target": b"/orders/?id=7"}, {"target": b"/orders?id=7"}, "target.path"),
    "slashes merged": ({"target": b"/a//b"}, {"target": b"/a/b"}, "nothing"),
    "slashes doubled": ({"target": b"/a/b"}, {"target": b"/a//b"}, "target.path"),
    "escapes in upper case": ({"target": b"/a%2fb"}, {"target": b"/a%2Fb"}, "target.path"),
    "escapes in lower case": ({"target": b"/a%2Fb"}, {"target": b"/a%2fb"}, "target.path"),
    "escaped": ({"target": b"/a~b"}, {"target": b"/a%7Eb"}, "target.path"),
    "path decoded": ({"target": b"/a%3Ab"}, {"target": b"/a:b"}, "target.path"),
    "query sorted": ({"target": b"/x?b=2&a=1"}, {"target": b"/x?a=1&b=2"}, "target.query"),
    "query dropped": ({"target": b"/x?"}, {"target": b"/x"}, "accepted"),
    "tracking added": ({"target": b"/x?a=1"}, {"target": b"/x?a=1&trace=7"}, "target.query"),
    "plus for %20": ({"target": b"/x?q=a%20b"}, {"target": b"/x?q=a+b"}, "target.query"),
    "method": ({"method": "HEAD"}, {"method": "GET"}, "target.method"),
    "method in lower case": ({"method": "post"}, {"method": "POST"}, "target.method"),
}


@pytest.mark.parametrize("broken", TARGETS)
def test_what_a_proxy_did_to_the_target_is_told_first(broken: str) -> None:
    sent, got, expected = TARGETS[broken]
    request = changed(signed(message(**sent)), **got)
    if got.get("authority") == b"inner:8000":
        request = changed(request, headers=[*request.headers, (b"x-forwarded-host", b"api.example")])
    found = explained(request)
    assert names(found) == expected
    if found.findings:
        assert found.findings[0].proven
        assert found.findings[0].key_id == "k1"
        assert [line.component for line in found.base if line.changed] == [f'"@{expected.partition(".")[2]}"']


def test_the_whole_of_a_rewriting_is_told() -> None:
    request = resigned(message(target=b"/hooks/a?x=1"), '("@method" "@target-uri")', _SAID)
    got = changed(request, scheme="http", authority=b"inner:80", target=b"/a?x=1")
    got = changed(got, headers=[*got.headers, (b"forwarded", b"host=api.example"), (b"x-forwarded-prefix", b"/hooks")])
    found = explained(got, profile=PROFILES["danger-any"])
    assert names(found) == "target.authority + target.path + target.scheme"
    assert found.findings[0].says == (
        "The signature fits when the authority is api.example and the scheme is https and the path has /hooks before "
        "it."
    )
    assert found.base[1].signed == "https://api.example/hooks/a?x=1"


def test_what_is_no_name_is_not_repeated() -> None:
    # It would even fit; but it is written by whoever sends the request, and is read by whoever administers the keys.
    odd = b"it's(api).example"
    request = changed(signed(message(authority=odd)), authority=b"inner")
    found = explained(changed(request, headers=[*request.headers, (b"x-forwarded-host", odd)]))
    assert names(found) == "nothing"
    assert "it's" not in found.says


FIELDS: Final[dict[str, tuple[bytes, list[bytes], list[bytes], str]]] = {
    "padded inside": (b"x-id", [b"a b"], [b"a   b"], "field.space"),
    "in lower case": (b"x-id", [b"abc"], [b"ABC"], "field.case"),
    "doubled": (b"x-id", [b"a"], [b"a", b"b"], "field.repeated"),
    "commas closed up": (b"x-id", [b"a, b"], [b"a,b"], "field.space"),
    "charset added": (b"content-type", [b"application/json"], [b"application/json; charset=utf-8"], "field.charset"),
    "charset dropped": (b"content-type", [b"text/plain; charset=utf-8"], [b"text/plain"], "field.charset"),
    "appended to": (b"x-forwarded-for", [b"192.0.2.1"], [b"192.0.2.1, 10.0.0.1"], "field.appended"),
    "compression changed": (b"accept-encoding", [b"gzip, deflate, br"], [b"gzip"], "field.usual"),
    "dropped, usual": (b"te", [b"trailers"], [], "field.usual"),
    "dropped, unknown": (b"x-id", [b"a"], [], "field.missing"),
}


@pytest.mark.parametrize("broken", FIELDS)
def test_what_a_proxy_did_to_a_field_is_told_first(broken: str) -> None:
    name, sent, got, expected = FIELDS[broken]
    request = signed(message(*((name, line) for line in sent)), more_components=[f'"{name.decode()}"'])
    kept = [header for header in request.headers if header[0] != name]
    found = explained(changed(request, headers=[*kept, *((name, line) for line in got)]))
    assert names(found) == expected
    assert found.findings[0].cure
    assert found.findings[0].proven is (expected != "field.missing")


def test_a_coding_that_is_said_on_the_way_is_told() -> None:
    request = signed(message(body=COMPACT), body=COMPACT)
    added = changed(request, headers=(*request.headers, (b"content-encoding", b"gzip")))
    found = explained(added, COMPACT)
    assert (names(found), found.code) == ("coverage.coding", "signature_coverage")
    assert found.says.startswith("Refused, although the signature fits. The request has a Content-Encoding that the")
    coded = signed(message((b"content-encoding", b"gzip"), body=COMPACT), body=COMPACT)
    dropped = changed(coded, headers=[header for header in coded.headers if header[0] != b"content-encoding"])
    told = explained(dropped, COMPACT)
    assert told.code == "signature_component"
    assert "content-encoding" in told.says.lower()


def test_a_renamed_field_is_told_by_both_names() -> None:
    request = signed(message((b"date", b"today")), more_components=['"date"'])
    moved = [(b"x-amzn-remapped-date" if name == b"date" else name, value) for name, value in request.headers]
    found = explained(changed(request, headers=moved))
    assert names(found) == "field.renamed"
    assert "x-amzn-remapped-date" in found.says


BODIES: Final[dict[str, tuple[bytes, bytes, str]]] = {
    "written again": (COMPACT, json.dumps(DATA).encode(), "body.json"),
    "a form in another order": (b"text=hi&token=x&user=U2&a=1", b"user=U2&text=hi&a=1&token=x", "body.form"),
    "taken out of a form": (b"payload=" + quote_plus(COMPACT).encode(), COMPACT, "body.unpacked"),
    "newline added": (COMPACT, COMPACT + b"\n", "body.newline"),
    "decompressed": (gzip.compress(COMPACT, mtime=0), COMPACT, "body.gzip"),
    "digest over the content, sent compressed": (COMPACT, gzip.compress(COMPACT), "body.gzip"),
    "read before": (COMPACT, b"", "body.read"),
    "another one": (COMPACT, COMPACT.replace(b"100", b"101"), "nothing"),
}


@pytest.mark.parametrize("broken", BODIES)
def test_what_happened_to_a_body_under_a_digest_is_told_first(broken: str) -> None:
    sent, got, expected = BODIES[broken]
    found = explained(signed(message(body=sent), body=sent), got)
    assert names(found) == expected
    assert found.code == "signature_digest"
    if expected == "nothing":
        assert found.says.startswith("None of these: the signature fits the headers")


@pytest.mark.parametrize("broken", ["written again", "newline added", "decompressed"])
def test_a_digest_that_was_written_anew_does_not_hide_what_happened(broken: str) -> None:
    sent, got, expected = BODIES[broken]
    request = signed(message(body=sent), body=sent, more_components=['"content-length"'])
    anew = signed(message(body=got), body=got)
    fresh = {name: value for name, value in anew.headers if name in (b"content-digest", b"content-length")}
    headers = [(name, fresh.get(name, value)) for name, value in request.headers]
    found = explained(changed(request, headers=headers), got)
    assert names(found).startswith(expected)
    assert {line.component for line in found.base if line.changed} == {'"content-digest"', '"content-length"'}


def test_a_dropped_digest_is_told() -> None:
    request = signed(message(body=BODY), body=BODY)
    kept = [header for header in request.headers if header[0] != b"content-digest"]
    assert names(explained(changed(request, headers=kept), BODY)) == "field.digest"


def _octets(request: Message, write: Callable[[bytes], bytes]) -> Message:
    def rewritten(value: bytes) -> bytes:
        return b"sig1=" + write(b64decode(value.removeprefix(b"sig1=:").removesuffix(b":")))

    headers = [(name, rewritten(value) if name == b"signature" else value) for name, value in request.headers]
    return changed(request, headers=headers)


@pytest.mark.parametrize(
    "write",
    [
        lambda octets: b":" + urlsafe_b64encode(octets).rstrip(b"=") + b":",
        b64encode,
        lambda octets: b'"' + b64encode(octets) + b'"',
    ],
    ids=["base64url", "bare", "a string"],
)
def test_a_signature_in_another_spelling_is_told(write: Callable[[bytes], bytes]) -> None:
    assert names(explained(_octets(signed(message()), write))) == "signature.spelling"


def test_a_signature_in_der_is_told() -> None:
    signer = SignatureSigner(SignatureAlgorithm.ECDSA_P256_SHA256, ec.derive_private_key(7, ec.SECP256R1()))
    request = signed(message(), signer=signer)

    def der(octets: bytes) -> bytes:
        return b":" + b64encode(encode_dss_signature(int.from_bytes(octets[:32]), int.from_bytes(octets[32:]))) + b":"

    found = explained(_octets(request, der), keys=(ExplainedKey("k1", signer.verifier),))
    assert names(found) == "signature.der"
    assert "dsaEncoding" in found.findings[0].cure


@pytest.mark.parametrize(
    ("said", "sent", "expected"),
    [
        (f';created={NOW};keyid="k1";nonce="n"', f';keyid="k1";created={NOW};nonce="n"', "parameters.order"),
        (f';created={NOW};keyid="k1";nonce="n"', f';created={NOW}000;keyid="k1";nonce="n"', "parameters.milliseconds"),
        (f';created={NOW}000;keyid="k1";nonce="n"', f';created={NOW}000;keyid="k1";nonce="n"', "time.milliseconds"),
        (f';created={NOW};keyid="k1";nonce="n"', f';created={NOW + 1};keyid="k1";nonce="n"', "parameters.created"),
        (
            f';created={NOW};keyid="k1";nonce="n"',
            f';created={NOW};keyid="k1";nonce="n";alg="hmac-sha256"',
            "parameters.dropped",
        ),
    ],
)
def test_what_a_sender_got_wrong_in_the_parameters_is_told(said: str, sent: str, expected: str) -> None:
    request = resigned(message(), f"({_PLAIN})", said)
    headers = [(name, value.replace(said.encode(), sent.encode())) for name, value in request.headers]
    assert names(explained(changed(request, headers=headers))) == expected


def test_the_clock_is_told_to_the_second() -> None:
    request = signed(message())
    assert "It was made 900 s ago" in explained(request, now=NOW + 900).says
    assert "It was made 60 s from now" in explained(request, now=NOW - 60).says
    assert names(explained(request, now=NOW + 900)) == "clock"


def test_what_is_not_covered_is_told() -> None:
    found = explained(resigned(message(), '("@method")', f';created={NOW};keyid="k1"'))
    assert names(found) == "coverage"
    assert '"@authority"' in found.says
    assert "nonce" in found.says


def test_another_key_of_the_set_and_a_retired_one_are_told_by_name() -> None:
    other = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"another secret of thirty-two octets")
    request = signed(message(), signer=other)
    keys = (*OURS, ExplainedKey("k2", other.verifier))
    assert names(explained(request, keys=keys)) == "key.other"
    retired = (*OURS, ExplainedKey("k2", other.verifier, in_use=False))
    found = explained(request, keys=retired)
    assert names(found) == "key.retired"
    assert found.findings[0].key_id == "k2"
    assert "k2" in found.says


def test_no_signature_and_one_that_cannot_be_read_are_told() -> None:
    assert names(explained(message())) == "signature.missing"
    broken = changed(message(), headers=[(b"signature-input", b"sig1=(("), (b"signature", b"sig1=:AAAA:")])
    assert names(explained(broken)) == "signature.form"


def test_what_is_too_large_to_explain_is_refused() -> None:
    request = signed(message())
    with pytest.raises(Misconfigured):
        explained(request, bytes(EXPLAINED_BODY_BYTES_MAX + 1))
    with pytest.raises(Misconfigured):
        explained(request, keys=OURS * (EXPLAINED_KEYS_MAX + 1))


def test_the_signer_of_these_tests_is_the_key() -> None:
    assert SIGNER.verifier is KEYS["k1"]
