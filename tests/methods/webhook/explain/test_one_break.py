"""Each way in which a signed delivery usually breaks, and the diagnosis that must come first."""

import base64
import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

import pytest
from tests.simulators.webhook import JSON_BODY, NOW, Delivery, deliver, secret_text

from doorward.methods.webhook import SCHEMES
from doorward.methods.webhook.explain import Explanation, explain_delivery

RICH: Final = {
    "id": "evt_1",
    "name": "Grüße, 日本 😀",
    "url": "https://example.com/a?b=1&c=<d>",
    "amount": 100,
    "list": [1, 2, {"b": [], "a": {}}],
    "none": None,
    "yes": True,
}


def _dump(value: object, **options: object) -> bytes:
    return json.dumps(value, **options).encode()  # type: ignore[arg-type]  # json's own options


COMPACT: Final = _dump(RICH, separators=(",", ":"), ensure_ascii=False)
SPACED: Final = _dump(RICH, ensure_ascii=False)
ESCAPED: Final = _dump(RICH)
SORTED: Final = _dump(RICH, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
INDENTED: Final = _dump(RICH, indent=2, ensure_ascii=False)
PHP: Final = _dump(RICH, separators=(",", ":")).replace(b"/", b"\\/")
GO: Final = COMPACT.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
NET: Final = (
    _dump(RICH, separators=(",", ":"))
    .replace(b"<", b"\\u003C")
    .replace(b">", b"\\u003E")
    .replace(b"&", b"\\u0026")
    .replace(b"\\u00fc", b"\\u00FC")
    .replace(b"\\u00df", b"\\u00DF")
    .replace(b"\\u65e5\\u672c", b"\\u65E5\\u672C")
    .replace(b"\\ud83d\\ude00", b"\\uD83D\\uDE00")
)
JSONB: Final = _dump(
    {"id": 1, "url": 2, "yes": 3, "name": 4, "amount": 5}, separators=(", ", ": ")
)  # keys by length, then by octets
TEXT: Final = "zwei Zeilen: äöü\r\nund noch eine\r\n".encode()

BODIES: Final[dict[str, tuple[bytes, bytes, str]]] = {
    "compact, parsed and written by Python": (COMPACT, ESCAPED, "body.json"),
    "compact, spaced": (COMPACT, SPACED, "body.json"),
    "compact, indented": (COMPACT, INDENTED, "body.json"),
    "compact, escaped": (COMPACT, PHP, "body.json"),
    "compact, for HTML": (COMPACT, GO, "body.json"),
    "spaced, compacted": (SPACED, COMPACT, "body.json"),
    "escaped, unescaped": (ESCAPED, COMPACT, "body.json"),
    "indented, compacted": (INDENTED, COMPACT, "body.json"),
    "indented by four, compacted": (_dump(RICH, indent=4), COMPACT, "body.json"),
    "indented by tabs, compacted": (_dump(RICH, indent="\t"), COMPACT, "body.json"),
    "PHP's, compacted": (PHP, COMPACT, "body.json"),
    "Go's, compacted": (GO, COMPACT, "body.json"),
    ".NET's, written by Python": (NET, ESCAPED, "body.json"),
    "sorted, unsorted": (SORTED, COMPACT, "body.json"),
    "out of a jsonb column": (
        JSONB,
        _dump({"name": 4, "amount": 5, "url": 2, "id": 1, "yes": 3}, separators=(",", ":")),
        "body.json",
    ),
    "final newline lost in writing": (COMPACT + b"\n", COMPACT, "body.newline"),
    "whole numbers lost their fraction": (b'{"a":1.0,"b":[2.50]}', b'{"a":1,"b":[2.50]}', "body.json.numbers"),
    "floats lost their zeros": (b'{"a":2.50,"b":1}', b'{"a":2.5,"b":1}', "body.json.numbers"),
    "floats got a fraction": (b'{"a":100,"b":2.5}', b'{"a":100.0,"b":2.5}', "body.json.numbers"),
    "exponent written out": (b'{"a":1e+21,"b":0.00001}', b'{"a":1e21,"b":1e-5}', "body.json.numbers"),
    "newline added": (COMPACT, COMPACT + b"\n", "body.newline"),
    "CR LF added": (COMPACT, COMPACT + b"\r\n", "body.newline"),
    "newline lost": (b"token=a b\n", b"token=a b", "body.newline"),
    "CR LF to LF": (TEXT, TEXT.replace(b"\r\n", b"\n"), "body.crlf"),
    "LF to CR LF": (TEXT.replace(b"\r\n", b"\n"), TEXT, "body.crlf"),
    "newlines dropped": (b"a\nb\nc", b"abc", "nothing"),
    "mark added": (TEXT, b"\xef\xbb\xbf" + TEXT, "body.bom"),
    "mark lost": (b"\xef\xbb\xbf" + TEXT, TEXT, "body.bom"),
    "white space added": (COMPACT, b"  " + COMPACT + b" \n", "body.space"),
    "UTF-8 read as Latin-1": (TEXT, TEXT.decode("latin-1").encode(), "body.charset"),
    "UTF-8 read as Windows-1252": ("„äöü“ €".encode(), "„äöü“ €".encode().decode("cp1252").encode(), "body.charset"),
    "UTF-8 turned into Latin-1": (TEXT, TEXT.decode().encode("latin-1"), "body.charset"),
    "UTF-8 turned into Windows-1252": ("5 €".encode(), "5 €".encode("cp1252"), "body.charset"),
    "UTF-8 turned into UTF-16": (TEXT, TEXT.decode().encode("utf-16"), "body.charset"),
    "UTF-16 turned into UTF-8": (TEXT.decode().encode("utf-16-le"), TEXT, "body.charset"),
    "composed": ("a\u0308o".encode(), "\u00e4o".encode(), "body.unicode"),
    "decomposed": ("\u00e4o".encode(), "a\u0308o".encode(), "body.unicode"),
    "in base64": (COMPACT, base64.b64encode(COMPACT), "body.base64"),
    "in an event of Lambda": (COMPACT, _dump({"headers": {}, "body": COMPACT.decode()}), "body.wrapped"),
    "in an event of Lambda, in base64": (
        COMPACT,
        _dump({"body": base64.b64encode(COMPACT).decode(), "isBase64Encoded": True}),
        "body.wrapped",
    ),
    "in a JSON string": (COMPACT, _dump(COMPACT.decode()), "body.wrapped"),
    "HTML escaped": (b"<a href='x'>R&D</a>", b"&lt;a href=&#x27;x&#x27;&gt;R&amp;D&lt;/a&gt;", "body.html"),
    "form sorted": (b"a=1&b=2&c=%2F+x", b"c=%2F+x&a=1&b=2", "body.form"),
    "form respelled": (b"a=1+2&b=%C3%A4&c=*", b"a=1%202&b=%c3%a4&c=%2A", "body.form"),
    "form in lower case": (b"b=%c3%a4&a=1", b"b=%C3%A4&a=1", "body.form"),
    "form unescaped": (b"b=a b/c", b"b=a+b%2Fc", "body.form"),
    "form in another order": (
        b"text=hi&token=x&channel=C1&user=U2",
        b"user=U2&text=hi&channel=C1&token=x",
        "body.form",
    ),
    "a field of a large form moved": (
        b"&".join(b"k%d=v%d" % (number, number * 7 % 10) for number in (3, 0, 1, 2, 4, 5, 6, 7, 8, 9)),
        b"&".join(b"k%d=v%d" % (number, number * 7 % 10) for number in (0, 1, 2, 4, 5, 6, 7, 3, 8, 9)),
        "body.form",
    ),
    "JSON taken out of GitHub's form": (b"payload=" + quote_plus(COMPACT).encode(), COMPACT, "body.unpacked"),
    "JSON taken out of a form of JavaScript": (
        b"payload=" + quote(GO, safe="!'()*").encode(),
        GO,
        "body.unpacked",
    ),
    "signed empty": (b"", COMPACT, "body.empty"),
    "signed as an object": (b"[object Object]", COMPACT, "body.object"),
    "gzip undone": (gzip.compress(COMPACT * 9, mtime=0), COMPACT * 9, "body.gzip"),
    "gzip with its time undone": (gzip.compress(COMPACT * 9, mtime=NOW - 2), COMPACT * 9, "body.gzip"),
    "gzip of level 6 undone": (gzip.compress(COMPACT * 9, 6, mtime=0), COMPACT * 9, "body.gzip"),
    "deflate undone": (zlib.compress(COMPACT * 9), COMPACT * 9, "body.gzip"),
    "compressed after signing": (COMPACT * 9, gzip.compress(COMPACT * 9), "body.gzip"),
}


def explained(delivery: Delivery, *, now: int = NOW) -> Explanation:
    return explain_delivery(
        delivery.scheme, [delivery.text], delivery.headers, delivery.body, now=now, url=delivery.url
    )


def first(explanation: Explanation) -> str:
    """The changes of the first finding; `nothing` when there is none."""
    if not explanation.findings:
        return "nothing"
    return " + ".join(change.name for change in explanation.findings[0].changes)


@pytest.mark.parametrize("scheme", ["standard", "github", "stripe", "slack"])
@pytest.mark.parametrize("broken", BODIES)
def test_what_happened_to_the_body_is_told_first(broken: str, scheme: str) -> None:
    signed, received, expected = BODIES[broken]
    explanation = explained(deliver(scheme, signed)._replace(body=received))
    assert first(explanation) == expected
    if explanation.findings:
        assert explanation.findings[0].proven
        assert explanation.findings[0].secret_id == "secret-1"
        assert explanation.findings[0].cure


SECRETS: Final[dict[str, tuple[str, str, str, str]]] = {
    "decoded and should not be": ("github", "whsec_{b64}", "{b64 decoded}", "secret.base64"),
    "text and should be decoded": ("standard", "whsec_{b64}", "{whsec_ b64}", "secret.text"),
    "prefix dropped": ("stripe", "whsec_{b64}", "{b64}", "secret.prefix"),
    "prefix forgotten": ("stripe", "{b64}", "{whsec_ b64}", "secret.prefix"),
    "base64 not decoded after all": ("standard", "{b64}", "{b64}", "secret.text"),
    "in hex": ("github", "{hex}", "{hex decoded}", "secret.hex"),
    "in hex, for a base64 scheme": ("standard", "{hex}", "{hex decoded}", "secret.hex"),
    "white space before": ("github", " {hex}", "{hex}", "secret.space"),
    "white space after": ("github", "{hex}\t", "{hex}", "secret.space"),
    "newline in the sender's": ("github", "{hex}", "{hex}\n", "secret.newline"),
    "quoted": ("github", '"{hex}"', "{hex}", "secret.quotes"),
    "upper case": ("github", "{HEX}", "{hex}", "secret.case"),
    "base64url": ("standard", "whsec_{b64url}", "{b64 decoded}", "form"),
}


@pytest.mark.parametrize("broken", SECRETS)
def test_how_the_secret_was_meant_is_told_first(broken: str) -> None:
    scheme, configured, used, expected = SECRETS[broken]
    octets = bytes(range(120, 152))
    b64 = base64.b64encode(octets).decode()
    forms = {
        "{b64}": b64,
        "{b64url}": base64.urlsafe_b64encode(octets).decode(),
        "{hex}": octets.hex(),
        "{HEX}": octets.hex().upper(),
    }
    for form, text in forms.items():
        configured = configured.replace(form, text)
    key = {
        "{b64 decoded}": octets,
        "{hex decoded}": octets,
        "{whsec_ b64}": f"whsec_{b64}".encode(),
        "{b64}": b64.encode(),
        "{hex}": octets.hex().encode(),
        "{hex}\n": octets.hex().encode() + b"\n",
    }[used]
    delivery = _signed_with(deliver(scheme), key)
    meant = delivery.text.__class__(id="ours", text=configured)
    explanation = explained(delivery._replace(text=meant))
    if expected == "form":  # the reading is right, only its spelling is not what is configured
        assert explanation.accepted or first(explanation) in {"form", "secret.base64"}
    else:
        assert first(explanation) == expected
        assert explanation.findings[0].secret_id == "ours"


def _signed_with(delivery: Delivery, key: bytes, digest: str = "sha256") -> Delivery:
    headers = dict(delivery.headers)
    id_, time = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"%d" % NOW)
    if delivery.scheme.name == "standard":
        mac = hmac.digest(key, b"%s.%s.%s" % (id_, time, delivery.body), digest)
        return delivery.changed("webhook-signature", b"v1," + base64.b64encode(mac))
    if delivery.scheme.name == "stripe":
        mac = hmac.digest(key, b"%d.%s" % (NOW, delivery.body), digest)
        return delivery.changed("stripe-signature", b"t=%d,v1=%s" % (NOW, mac.hex().encode()))
    mac = hmac.digest(key, delivery.body, digest)
    return delivery.changed("x-hub-signature-256", b"sha256=" + mac.hex().encode())


def test_a_secret_of_another_endpoint_is_told_by_its_name() -> None:
    delivery = deliver("github", seed=2)
    ours = deliver("github", seed=1).text
    theirs = delivery.text.__class__(id="shop-eu", text=delivery.text.text, in_use=False)
    found = explain_delivery(delivery.scheme, [ours, theirs], delivery.headers, delivery.body, now=NOW)
    assert first(found) == "secret.other"
    assert found.findings[0].secret_id == "shop-eu"
    assert "shop-eu" in found.says


@pytest.mark.parametrize(
    ("not_before", "not_after", "expected"), [(None, NOW - 60, "secret.retired"), (NOW + 60, None, "secret.early")]
)
def test_a_secret_out_of_its_time_is_told(not_before: int | None, not_after: int | None, expected: str) -> None:
    delivery = deliver("standard")
    timed = delivery.text.__class__(id="old", text=delivery.text.text, not_before=not_before, not_after=not_after)
    explanation = explained(delivery._replace(text=timed))
    assert first(explanation) == expected
    assert "60 s" in explanation.says


def _mac(delivery: Delivery) -> bytes:
    text = delivery.signature.decode().removeprefix(delivery.scheme.prefix)
    if delivery.scheme.name == "standard":
        return base64.b64decode(text.partition(",")[2])
    return bytes.fromhex(text) if delivery.scheme.encoding == "hex" else base64.b64decode(text)


SPELLINGS: Final[dict[str, tuple[str, Callable[[bytes], str], str]]] = {
    "base64 for hex": ("github", lambda mac: "sha256=" + base64.b64encode(mac).decode(), "signature.base64"),
    "base64url for hex": (
        "github",
        lambda mac: "sha256=" + base64.urlsafe_b64encode(mac + b"")[:-1].decode(),
        "signature.base64url|signature.padding",
    ),
    "upper case": ("github", lambda mac: "sha256=" + mac.hex().upper(), "signature.case"),
    "without its prefix": ("github", lambda mac: mac.hex(), "signature.label"),
    "another prefix": ("github", lambda mac: "sha1=" + mac.hex(), "signature.label"),
    "hex for base64": ("shopify", lambda mac: mac.hex(), "signature.hex"),
    "a prefix too many": ("shopify", lambda mac: "sha256=" + base64.b64encode(mac).decode(), "signature.label"),
    "base64 of hex": ("shopify", lambda mac: base64.b64encode(mac.hex().encode()).decode(), "signature.twice"),
    "without padding": ("shopify", lambda mac: base64.b64encode(mac).decode().rstrip("="), "signature.padding"),
    "in quotes": ("github", lambda mac: f'"sha256={mac.hex()}"', "signature.form"),
    "v2": ("standard", lambda mac: "v2," + base64.b64encode(mac).decode(), "signature.label"),
    "without a version": ("standard", lambda mac: base64.b64encode(mac).decode(), "signature.label"),
    "an equals sign": ("standard", lambda mac: "v1=" + base64.b64encode(mac).decode(), "signature.form"),
    "hex in a list": ("standard", lambda mac: "v1," + mac.hex(), "signature.hex"),
    "folded": (
        "standard",
        lambda mac: "v1,AAAA\r\n v1," + base64.b64encode(mac).decode(),
        "signature.folded|signature.form",
    ),
    "padded": ("github", lambda mac: " sha256=" + mac.hex() + " ", "signature.folded"),
    "wrapped": (
        "github",
        lambda mac: f"sha256={mac.hex()[:32]}\r\n {mac.hex()[32:]}",
        "signature.folded",
    ),
}


@pytest.mark.parametrize("broken", SPELLINGS)
def test_how_the_signature_is_written_is_told_first(broken: str) -> None:
    scheme, spell, expected = SPELLINGS[broken]
    delivery = deliver(scheme)
    changed = delivery.changed(delivery.scheme.signature_header, spell(_mac(delivery)).encode())
    explanation = explained(changed)
    assert first(explanation) in expected.split("|")
    assert explanation.findings[0].proven


@pytest.mark.parametrize(("digest", "label"), [("sha1", b"sha1="), ("sha512", b"sha512="), ("sha512", b"sha256=")])
def test_another_hash_is_told(digest: str, label: bytes) -> None:
    delivery = deliver("github")
    assert delivery.secret.key is not None
    mac = hmac.digest(delivery.secret.key, delivery.body, digest)
    explanation = explained(delivery.changed("x-hub-signature-256", label + mac.hex().encode()))
    assert first(explanation).endswith("signature.digest")


@pytest.mark.parametrize("scheme", ["standard", "stripe", "slack"])
@pytest.mark.parametrize("off_s", [-301, -7_200, 301, 40_000_000])
def test_a_clock_that_is_off_is_told_with_its_seconds(scheme: str, off_s: int) -> None:
    explanation = explained(deliver(scheme, at=NOW + off_s))
    assert (first(explanation), explanation.code) == ("clock", "webhook_timestamp")
    told = {-7_200: "7200 s (2 hours)", 40_000_000: "40000000 s (463 days)"}.get(off_s, f"{abs(off_s)} s")
    assert f"{told} {'ahead' if off_s > 0 else 'ago'}" in explanation.says


def _resigned(delivery: Delivery, signed_time: bytes, sent_time: bytes) -> Delivery:
    key = delivery.secret.key
    assert key is not None
    if delivery.scheme.name == "stripe":
        mac = hmac.digest(key, signed_time + b"." + delivery.body, "sha256")
        return delivery.changed("stripe-signature", b"t=%s,v1=%s" % (sent_time, mac.hex().encode()))
    if delivery.scheme.name == "slack":
        mac = hmac.digest(key, b"v0:" + signed_time + b":" + delivery.body, "sha256")
        return delivery.changed("x-slack-signature", b"v0=" + mac.hex().encode()).changed(
            "x-slack-request-timestamp", sent_time
        )
    mac = hmac.digest(key, b"%s.%s.%s" % (delivery.value("webhook-id"), signed_time, delivery.body), "sha256")
    return delivery.changed("webhook-signature", b"v1," + base64.b64encode(mac)).changed("webhook-timestamp", sent_time)


@pytest.mark.parametrize("scheme", ["standard", "stripe", "slack"])
@pytest.mark.parametrize(
    ("signed", "sent", "expected"),
    [
        (NOW * 1_000 + 7, NOW * 1_000 + 7, "time.milliseconds"),
        (NOW, NOW * 1_000 + 7, "time.milliseconds"),
        (NOW * 1_000, NOW, "time.milliseconds"),
        (NOW * 1_000 + 618, NOW, "time.milliseconds"),
        (NOW + 1, NOW, "time.other"),
        (NOW - 1, NOW, "time.other"),
        (NOW - 7_200, NOW, "time.other"),
    ],
)
def test_a_time_of_another_kind_is_told_first(scheme: str, signed: int, sent: int, expected: str) -> None:
    explanation = explained(_resigned(deliver(scheme), b"%d" % signed, b"%d" % sent))
    assert first(explanation) == expected


def test_a_sender_that_signs_other_parts_is_told() -> None:
    delivery = deliver("standard")
    key, time = delivery.secret.key, b"%d" % NOW
    assert key is not None
    for message in (JSON_BODY, time + b"." + JSON_BODY, b"v0:" + time + b":" + JSON_BODY, time + JSON_BODY):
        mac = hmac.digest(key, message, "sha256")
        explanation = explained(delivery.changed("webhook-signature", b"v1," + base64.b64encode(mac)))
        assert first(explanation) == "scheme"


@pytest.mark.parametrize(("sent", "read"), [("svix", "standard"), ("standard", "svix"), ("slack", "github")])
def test_a_delivery_of_another_scheme_is_told_and_proven(sent: str, read: str) -> None:
    delivery = deliver(sent)
    explanation = explained(delivery._replace(scheme=SCHEMES[read]))
    assert first(explanation) == "scheme.other"
    assert explanation.findings[0].proven
    assert sent in explanation.findings[0].cure


def test_a_header_that_came_twice_is_told() -> None:
    delivery = deliver("github")
    twice = delivery._replace(headers=[(b"x-hub-signature-256", b"sha256=" + b"0" * 64), *delivery.headers])
    assert first(explained(twice)) == "header.repeated"
    doubled_id = deliver("standard")
    doubled_id.headers.insert(0, (b"webhook-id", b"other"))
    assert first(explained(doubled_id)) == "header.repeated"
    doubled_id.headers.append(doubled_id.headers[0])


URLS: Final = {
    "http": ("http://api.example.com/hooks/calls?tenant=7&kind=sms", []),
    "port": ("https://api.example.com:443/hooks/calls?tenant=7&kind=sms", []),
    "host": (
        "http://10.0.0.7:8000/hooks/calls?tenant=7&kind=sms",
        [(b"x-forwarded-host", b"api.example.com"), (b"x-forwarded-proto", b"https")],
    ),
    "host of the request": ("https://inner/hooks/calls?tenant=7&kind=sms", [(b"host", b"api.example.com")]),
    "host in capitals": ("https://API.Example.com/hooks/calls?tenant=7&kind=sms", []),
    "prefix taken away": ("https://api.example.com/calls?tenant=7&kind=sms", [(b"x-forwarded-prefix", b"/hooks")]),
    "prefix added": ("https://api.example.com/v2/hooks/calls?tenant=7&kind=sms", []),
    "path rewritten": (
        "https://api.example.com/index.php?tenant=7&kind=sms",
        [(b"x-original-uri", b"/hooks/calls?tenant=7&kind=sms")],
    ),
    "slash": ("https://api.example.com/hooks/calls/?tenant=7&kind=sms", []),
    "query reordered": ("https://api.example.com/hooks/calls?kind=sms&tenant=7", []),
    "three at once": (
        "http://inner:8080/calls?tenant=7&kind=sms",
        [(b"host", b"api.example.com"), (b"x-forwarded-prefix", b"/hooks")],
    ),
}


@pytest.mark.parametrize("broken", URLS)
def test_what_a_proxy_made_of_the_url_is_told_first(broken: str) -> None:
    received, more = URLS[broken]
    delivery = deliver("twilio")
    explanation = explained(delivery._replace(url=received, headers=[*delivery.headers, *more]))
    assert first(explanation) == "url"
    assert explanation.findings[0].proven


def test_a_digest_in_the_url_is_searched_for_as_well() -> None:
    body = b'{"a": 1}'
    url = f"https://api.example.com/x?bodySHA256={hashlib.sha256(body).hexdigest()}"
    delivery = deliver("twilio", body, url=url)
    assert first(explained(delivery._replace(body=b'{"a":1}'))) == "body.json"


@pytest.mark.parametrize("scheme", ["standard", "github", "stripe"])
def test_a_delivery_that_is_accepted_needs_no_explanation(scheme: str) -> None:
    explanation = explained(deliver(scheme))
    assert (explanation.accepted, explanation.findings, explanation.code) == (True, (), None)
    assert "secret-1" in explanation.says


def test_a_public_key_is_searched_with_as_well() -> None:
    from doorward.crypto.ed25519 import Ed25519Signer
    from doorward.methods.webhook.explain import SecretText

    seed = bytes(range(32))
    private = "whsk_" + base64.b64encode(seed).decode()
    public = "whpk_" + base64.b64encode(Ed25519Signer(seed).public_key).decode()
    delivery = deliver("standard", COMPACT, text=private)
    received = delivery._replace(text=SecretText(id="theirs", text=public))
    assert explained(received).accepted
    assert first(explained(received._replace(body=ESCAPED))) == "body.json"
    relabelled = received.changed("webhook-signature", delivery.signature.replace(b"v1a,", b"v1,"))
    assert first(explained(relabelled)) == "signature.label"
    assert secret_text(delivery.scheme) not in repr(explained(received))


def test_one_cure_of_two_changes_under_another_scheme_is_told_once() -> None:
    sent = deliver("plain", b'{"a": 1.0, "b": [2.50]}')
    explanation = explained(sent._replace(scheme=SCHEMES["github"], body=b'{"a":1,"b":[2.50]}'))
    finding = explanation.findings[0]
    assert first(explanation) == "scheme.other + body.json + body.json.numbers"
    assert [finding.cure.count(change.cure) for change in finding.changes] == [1, 1, 1]
    assert len({change.cure for change in finding.changes}) == 2
