"""Two breaks at once, what is told when nothing fits, and what is never told."""

import base64
import hmac
import json
import secrets as entropy
import time
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.methods.webhook.explain.test_one_break import BODIES, COMPACT, ESCAPED, TEXT, explained, first
from tests.simulators.webhook import NOW, SCHEME_NAMES, Delivery, deliver, secret_text

from doorward.errors import Misconfigured
from doorward.methods.webhook import SCHEMES
from doorward.methods.webhook.config import BODY_BYTES_MAX
from doorward.methods.webhook.explain import Explanation, SecretText, explain_delivery
from doorward.methods.webhook.explain.explain import EXPLAINED_SECRETS_MAX


def _names(explanation: Explanation) -> set[str]:
    return {change.name for change in explanation.findings[0].changes} if explanation.findings else set()


LARGE: Final = [
    {
        "id": i,
        "name": f"Grüße {i} 日本",
        "url": f"https://e.com/{i}?a=1&b=<x>",
        "price": i * 1.5,
        "tags": ["a", {"c": None}],
    }
    for i in range(950)
]

PAIRS: Final[dict[str, tuple[str, bytes, bytes, set[str]]]] = {
    "written again with a newline": ("github", COMPACT + b"\n", ESCAPED, {"body.json", "body.newline"}),
    "written again, numbers too": (
        "standard",
        b'{"a":1.50,"b":[2,3]}',
        b'{"a": 1.5, "b": [2, 3]}',
        {"body.json", "body.json.numbers"},
    ),
    "mark and newline": ("github", TEXT, b"\xef\xbb\xbf" + TEXT + b"\n", {"body.bom", "body.newline"}),
    "CR LF and newline": ("slack", b"a\r\nb", b"a\nb\n", {"body.crlf", "body.newline"}),
    "character set and CR LF": (
        "stripe",
        "ä\r\nö".encode(),
        "ä\nö".encode().decode("latin-1").encode(),
        {"body.charset", "body.crlf"},
    ),
    "character set and JSON": (
        "github",
        COMPACT,
        _mojibake := json.dumps(json.loads(COMPACT.decode()), ensure_ascii=False).encode().decode("latin-1").encode(),
        {"body.charset", "body.json"},
    ),
    "base64 and JSON": ("standard", COMPACT, base64.b64encode(ESCAPED), {"body.base64", "body.json"}),
}


@pytest.mark.parametrize("broken", PAIRS)
def test_two_changes_of_the_body_are_both_told(broken: str) -> None:
    scheme, signed, received, expected = PAIRS[broken]
    explanation = explained(deliver(scheme, signed)._replace(body=received))
    assert _names(explanation) == expected
    assert explanation.findings[0].proven


@pytest.mark.parametrize("broken", ["compact, spaced", "newline added", "gzip undone", "signed empty", "form sorted"])
def test_a_change_of_the_body_and_one_of_the_secret_are_both_told(broken: str) -> None:
    signed, received, expected = BODIES[broken]
    delivery = deliver("github", signed, seed=2)
    ours, theirs = deliver("github").text, SecretText(id="old", text=delivery.text.text, in_use=False)
    found = explain_delivery(delivery.scheme, [ours, theirs], delivery.headers, received, now=NOW)
    assert _names(found) == {expected, "secret.other"}
    assert found.findings[0].secret_id == "old"


@pytest.mark.parametrize("broken", ["compact, spaced", "newline lost", "mark added"])
def test_a_change_of_the_body_and_one_of_the_spelling_are_both_told(broken: str) -> None:
    signed, received, expected = BODIES[broken]
    delivery = deliver("github", signed)
    upper = b"sha256=" + delivery.signature.removeprefix(b"sha256=").upper()
    changed = delivery.changed("x-hub-signature-256", upper)._replace(body=received)
    assert _names(explained(changed)) == {expected, "signature.case"}


@pytest.mark.parametrize("broken", ["compact, spaced", "newline lost", "mark added"])
def test_a_change_of_the_body_and_a_clock_are_both_told(broken: str) -> None:
    signed, received, expected = BODIES[broken]
    explanation = explained(deliver("stripe", signed, at=NOW - 900)._replace(body=received))
    assert _names(explanation) == {expected, "clock"}
    assert "900 s ago" in explanation.says


def test_a_url_and_a_secret_are_both_told() -> None:
    delivery = deliver("twilio", seed=2)
    theirs = SecretText(id="old", text=delivery.text.text, in_use=False)
    url = "http://api.example.com/hooks/calls?tenant=7&kind=sms"
    found = explain_delivery(
        delivery.scheme, [deliver("twilio").text, theirs], delivery.headers, delivery.body, now=NOW, url=url
    )
    assert _names(found) == {"url", "secret.other"}


def test_a_reading_of_the_secret_and_a_spelling_are_both_told() -> None:
    octets = bytes(range(32))
    mac = hmac.digest(octets, COMPACT, "sha256")
    delivery = deliver("github", COMPACT)
    changed = delivery.changed("x-hub-signature-256", b"sha256=" + base64.b64encode(mac))
    text = SecretText(id="s", text=base64.b64encode(octets).decode())
    assert _names(explained(changed._replace(text=text))) == {"secret.base64", "signature.base64"}


def test_signatures_of_one_kind_and_secrets_of_the_other_are_told() -> None:
    private = "whsk_" + base64.b64encode(bytes(range(32))).decode()
    asymmetric, symmetric = deliver("standard", text=private), deliver("standard")
    for delivery, text in ((asymmetric, symmetric.text), (symmetric, asymmetric.text)):
        explanation = explained(delivery._replace(text=text))
        assert first(explanation) == "secret.kind"
        assert not explanation.findings[0].proven


def test_milliseconds_and_a_change_of_the_body_are_both_told() -> None:
    delivery = deliver("standard", COMPACT, at=NOW).changed("webhook-timestamp", b"%d000" % NOW)
    assert _names(explained(delivery._replace(body=ESCAPED))) == {"body.json", "time.milliseconds"}


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    name=st.sampled_from(SCHEME_NAMES), place=st.integers(0, 10_000), change=st.integers(1, 255), flood=st.booleans()
)
def test_random_corruption_is_none_of_these(name: str, place: int, change: int, *, flood: bool) -> None:
    body = b"From=%2B1555&To=%2B1666&Body=hello+there" if name == "twilio" else COMPACT
    delivery = deliver(name, body)
    place %= len(body)
    octet = bytes([body[place] ^ change]) if not flood else bytes([change]) * 7
    corrupted = delivery._replace(body=body[:place] + octet + body[place + 1 :])
    explanation = explained(corrupted)
    if explanation.accepted or any(finding.proven for finding in explanation.findings):
        _is_one_of_these_after_all(delivery, corrupted)
    else:
        assert explanation.says.startswith(("None of these", "The body holds replacement characters"))


def _is_one_of_these_after_all(delivery: Delivery, corrupted: Delivery) -> None:
    # An octet that became white space, say, or part of a name's case in an escape, is a change that is known.
    def bare(body: bytes) -> bytes:
        return body.strip().replace(b"=", b"").replace(b"&", b"").replace(b"+", b"%20").lower()

    assert bare(delivery.body) == bare(corrupted.body) or b"\\" in corrupted.body or b"%" in corrupted.body


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_a_signature_by_a_stranger_is_none_of_these(name: str) -> None:
    delivery = deliver(name, seed=5)
    stranger = delivery._replace(text=deliver(name, seed=6).text)
    explanation = explained(stranger)
    assert (first(explanation), explanation.accepted) == ("nothing", False)
    assert explanation.says.startswith("None of these")
    assert explanation.code == "webhook_signature"
    assert explanation.tried > 100


def _everything_told(explanation: Explanation) -> str:
    return repr(explanation) + explanation.says + " ".join(finding.cure for finding in explanation.findings)


def _leaks(told: str, octets: bytes) -> bool:
    forms = (octets.hex(), base64.b64encode(octets).decode(), base64.urlsafe_b64encode(octets).decode(), repr(octets))
    return any(
        form[place : place + 10].lower() in told.lower() for form in forms for place in range(0, len(form) - 12, 4)
    )


@pytest.mark.parametrize("broken", BODIES)
@pytest.mark.parametrize("scheme", ["standard", "github"])
def test_neither_a_secret_nor_a_signature_is_ever_told(broken: str, scheme: str) -> None:
    signed, received, _ = BODIES[broken]
    text = base64.b64encode(entropy.token_bytes(32)).decode()
    delivery = deliver(scheme, signed, text=text)
    other = SecretText(id="other", text=entropy.token_hex(32), in_use=False)
    found = explain_delivery(
        delivery.scheme, [delivery.text, other], delivery.headers, received, now=NOW + 1_000, url=delivery.url
    )
    told = _everything_told(found) + repr(delivery.text) + repr(other.__rich_repr__())
    assert not _leaks(told, base64.b64decode(text))
    assert not _leaks(told, text.encode())
    assert not _leaks(told, other.text.encode())
    # Not the one that came, and not the one that would fit the bytes as received.
    for made in (delivery, deliver(scheme, received, text=text)):
        signature = made.signature.decode().removeprefix("v1,").removeprefix("sha256=")
        octets = base64.b64decode(signature) if scheme == "standard" else bytes.fromhex(signature)
        assert not _leaks(told, octets)


@pytest.mark.parametrize("scheme", SCHEME_NAMES)
def test_a_missing_signature_is_told_with_what_is_there(scheme: str) -> None:
    delivery = deliver(scheme)
    bare = delivery.changed(delivery.scheme.signature_header, None)
    explanation = explained(bare)
    assert first(explanation) == "header.missing"
    assert delivery.scheme.signature_header in explanation.says
    assert not explanation.findings[0].proven
    aliased = [(delivery.scheme.signature_header.lower().replace("-", "_").encode(), b"x")]
    assert first(explained(bare._replace(headers=bare.headers + aliased))) == "header.underscore"


def test_the_old_signature_of_github_alone_is_told() -> None:
    delivery = deliver("github").changed("x-hub-signature-256", None)
    old = delivery.changed("x-hub-signature", b"sha1=" + b"0" * 40)
    assert first(explained(old)) == "header.sha1"


@pytest.mark.parametrize(("scheme", "header"), [("standard", "webhook-id"), ("slack", "x-slack-request-timestamp")])
def test_a_missing_part_is_told(scheme: str, header: str) -> None:
    explanation = explained(deliver(scheme).changed(header, None))
    assert first(explanation) == "header.missing"
    assert header in explanation.says.lower()


def test_a_url_that_is_not_known_is_told() -> None:
    assert first(explained(deliver("twilio")._replace(url=None))) == "url.missing"


def test_a_body_that_was_read_before_is_told() -> None:
    delivery = deliver("github", COMPACT)._replace(body=b"")
    assert first(explained(delivery)) == "body.read"
    counted = delivery.changed("content-length", b"%d" % len(COMPACT))
    assert str(len(COMPACT)) in explained(counted).says


def test_a_body_of_another_length_than_told_is_told() -> None:
    delivery = deliver("github", COMPACT).changed("content-length", b"%d" % len(COMPACT))
    assert first(explained(delivery._replace(body=COMPACT[:-7]))) == "body.length"


def test_a_character_that_was_lost_is_told() -> None:
    lost = deliver("github", "grün".encode("latin-1"))._replace(body="gr\ufffdn".encode())
    assert first(explained(lost)) == "body.lost"


def test_chunks_that_were_left_in_the_body_are_told() -> None:
    delivery = deliver("github", b"hello").changed("transfer-encoding", b"chunked")
    assert first(explained(delivery._replace(body=b"5\r\nhello\r\n0\r\n\r\n"))) == "body.chunked"


def test_headers_from_outside_are_not_repeated() -> None:
    delivery = deliver("twilio")
    hostile = [(b"host", b"\x1b[2Jevil.example"), (b"x-forwarded-prefix", b"/\x1b]0;x"), (b"x-forwarded-host", b"a b")]
    told = _everything_told(explained(delivery._replace(url="https://x/y", headers=[*delivery.headers, *hostile])))
    assert "evil" not in told
    assert "\x1b" not in told


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(SCHEME_NAMES),
    values=st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=60)), max_size=6),
    body=st.binary(max_size=80),
    url=st.none() | st.text(max_size=40),
    secret=st.text(max_size=40),
)
def test_garbage_is_explained_without_a_crash(
    name: str, values: list[tuple[int, bytes]], body: bytes, url: str | None, secret: str
) -> None:
    scheme = SCHEMES[name]
    names = [
        scheme.signature_header,
        scheme.timestamp_header,
        scheme.id_header,
        "host",
        "content-length",
        "content-type",
        "x",
    ]
    headers = [(names[which].lower().encode() or b"y", value) for which, value in values]
    explanation = explain_delivery(scheme, [SecretText(id="s", text=secret)], headers, body, now=NOW, url=url)
    assert not explanation.accepted
    assert explanation.says


@pytest.mark.parametrize(
    "body", [b"[" * 5_000, b'{"a":' * 400 + b"1" + b"}" * 400, b'{"a":NaN}', b'"\\ud800"', b"1" * 6_000]
)
def test_json_nobody_should_send_is_explained_without_a_crash(body: bytes) -> None:
    assert not explained(deliver("github")._replace(body=body)).accepted


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["standard", "stripe", "github", "twilio"])
@pytest.mark.parametrize("number_of_secrets", [1, 4])
def test_a_body_of_100_kb_takes_less_than_two_seconds(scheme: str, number_of_secrets: int) -> None:
    body = json.dumps(LARGE, ensure_ascii=False, separators=(",", ":")).encode()
    if scheme == "twilio":
        body = b"&".join(b"f%d=%s" % (field, b"x" * 95) for field in range(1_000))
    assert len(body) > 100_000
    delivery = deliver(scheme, body)
    more = [
        SecretText(id=f"s{seed}", text=secret_text(delivery.scheme, seed + 7), in_use=seed < 2)
        for seed in range(number_of_secrets - 1)
    ]
    middle = len(body) // 2
    corrupted = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
    started = time.process_time()
    explanation = explain_delivery(
        delivery.scheme, [delivery.text, *more], delivery.headers, corrupted, now=NOW, url=delivery.url
    )
    # Of the processor: others may be busy on this machine.
    assert time.process_time() - started < 2
    assert first(explanation) == "nothing"


@pytest.mark.slow
def test_a_large_body_is_explained_in_the_common_cases() -> None:
    body = json.dumps(LARGE, ensure_ascii=False, separators=(",", ":")).encode()
    delivery = deliver("standard", body)
    assert first(explained(delivery._replace(body=json.dumps(LARGE).encode()))) == "body.json"
    assert first(explained(delivery._replace(body=body + b"\n"))) == "body.newline"


def test_what_is_too_large_to_explain_is_refused() -> None:
    delivery = deliver("github")
    with pytest.raises(Misconfigured):
        explained(delivery._replace(body=bytes(BODY_BYTES_MAX + 1)))
    many = [delivery.text] * (EXPLAINED_SECRETS_MAX + 1)
    with pytest.raises(Misconfigured):
        explain_delivery(delivery.scheme, many, delivery.headers, delivery.body, now=NOW)
