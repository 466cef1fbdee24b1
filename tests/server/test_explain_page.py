"""The page that explains signatures: what it says, what it never gives back, and where it is not."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import Final
from urllib.parse import urlencode

import pytest
from starlette.types import ASGIApp
from tests.server.conftest import Ask, Headers
from tests.simulators.signed import NOW as SIGNED_AT
from tests.simulators.signed import message, signed
from tests.simulators.store import OPERATOR, SimulatedStore
from tests.simulators.webhook import JSON_BODY, NOW, Delivery, deliver

from doorward.frameworks.body import BODIES
from doorward.methods.webhook.operations import add_secret, add_sender
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.server.explain_page import EXPLAIN_FORM_BYTES_MAX, EXPLAIN_PATH, explain_routes
from doorward.server.page import STYLE_PATH

FORM: Final[Headers] = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
HOSTILE: Final = "'\"><script>alert(1)</script>&<b>"


@pytest.fixture
def page() -> ASGIApp:
    return explain_routes(lambda: NOW)[EXPLAIN_PATH]


def _fields(delivery: Delivery, **other: str) -> dict[str, str]:
    headers = "\r\n".join(f"{name.decode()}: {value.decode()}" for name, value in delivery.headers)
    # As a browser sends a text area: every line ends with CR LF.
    body = delivery.body.decode().replace("\n", "\r\n")
    return {
        "scheme": delivery.scheme.name,
        "secret": delivery.text.text,
        "headers": headers,
        "body": body,
        "body_form": "lf",
        "url": delivery.url or "",
        **other,
    }


async def _post(ask: Ask, page: ASGIApp, fields: dict[str, str]) -> tuple[int, str]:
    chunk = urlencode(fields).encode()
    status, _, body = await ask(page, EXPLAIN_PATH, method="POST", headers=FORM, chunks=(chunk,))
    return status, body.decode()


async def test_the_page_is_a_form_without_script_under_a_strict_policy(ask: Ask, page: ASGIApp) -> None:
    status, headers, body = await ask(page, EXPLAIN_PATH)
    assert status == 200
    assert headers[b"content-security-policy"] == (
        b"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers[b"cache-control"] == b"no-store"
    text = body.decode()
    assert not re.search(r"<script|<style|\son\w+=|style=", text)
    assert '<meta name="referrer" content="same-origin">' in text
    assert re.search(r'<input id="secret"[^>]*type="password"', text)
    for name in re.findall(r'name="(\w+)" (?:rows|type)', text):
        assert f'<label for="{name}">' in text


async def test_head_says_the_same_without_a_body(ask: Ask, page: ASGIApp) -> None:
    status, headers, body = await ask(page, EXPLAIN_PATH, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers[b"content-length"]) > 1_000


@pytest.mark.parametrize("name", ["standard", "stripe", "github", "slack", "twilio"])
async def test_a_delivery_that_fits_is_said_to_fit(ask: Ask, page: ASGIApp, name: str) -> None:
    assert "The signature fits: it was made with the secret." in (await _post(ask, page, _fields(deliver(name))))[1]


async def test_what_a_form_held_is_given_back_whatever_comes_of_it(ask: Ask, page: ASGIApp) -> None:
    before = BODIES.held
    await _post(ask, page, _fields(deliver("github")))
    await ask(page, EXPLAIN_PATH, method="POST", headers=FORM, chunks=(b"a" * EXPLAIN_FORM_BYTES_MAX,))
    await ask(page, EXPLAIN_PATH, method="POST", headers=FORM, chunks=(b"a=b&" * (EXPLAIN_FORM_BYTES_MAX // 4), b"a"))
    assert BODIES.held == before


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("github", "&#" + "9" * 5_000, ""),
        ("twilio", "a=b", "X-Original-URL: http://["),
        ("github", "a\u0301\u0323" * 5_000, ""),
    ],
)
async def test_what_nobody_should_send_has_an_answer(
    ask: Ask, page: ASGIApp, name: str, body: str, headers: str
) -> None:
    fields = _fields(deliver(name))
    fields |= {"body": body, "headers": f"{fields['headers']}\r\n{headers}"}
    status, text = await _post(ask, page, fields)
    assert status == 200
    assert "None of these" in text


async def test_the_first_answer_is_the_change_with_its_cure(ask: Ask, page: ASGIApp) -> None:
    delivery = deliver("github", JSON_BODY)
    spaced = json.dumps(json.loads(JSON_BODY), indent=2)
    status, text = await _post(ask, page, _fields(delivery, body=spaced.replace("\n", "\r\n")))
    assert status == 200
    assert "Proven" in text
    assert "The signature fits when" in text
    assert "before anything parses them: <code>await request.body()</code>" in text


async def test_ends_of_lines_are_what_the_form_says(ask: Ask, page: ASGIApp) -> None:
    unix, dos = deliver("github", b"a\nb\n"), deliver("github", b"a\r\nb\r\n")
    assert "It fits" in (await _post(ask, page, _fields(unix)))[1]
    assert "It fits" in (await _post(ask, page, _fields(dos, body="a\r\nb\r\n", body_form="crlf")))[1]
    assert "LF" in (await _post(ask, page, _fields(dos, body="a\r\nb\r\n")))[1].partition("<form")[0]
    coded = b64encode(b"a\r\nb\r\n").decode()
    assert "It fits" in (await _post(ask, page, _fields(dos, body=coded, body_form="base64")))[1]


def _signed_fields(path: str) -> tuple[dict[str, str], str]:
    request = signed(message(target=b"/api/orders?id=7"))
    lines = "\r\n".join(f"{name.decode()}: {value.decode()}" for name, value in request.headers)
    key = urlsafe_b64encode(b"an HMAC secret of 32 bytes. good").rstrip(b"=").decode()
    fields = {
        "scheme": "signature",
        "secret": json.dumps({"kty": "oct", "kid": "k1", "k": key}),
        "headers": f"POST {path} HTTP/1.1\r\nHost: api.example\r\n{lines}",
        "at": str(SIGNED_AT),
    }
    return fields, key


async def test_a_signed_request_is_explained_with_its_base(ask: Ask, page: ASGIApp) -> None:
    fields, key = _signed_fields("/orders?id=7")
    status, text = await _post(ask, page, fields)
    assert status == 200
    assert "The signature fits when the path has /api before it." in text
    assert "<ins>signed: /api/orders</ins><del>received: /orders</del>" in text
    assert key not in text
    fits, _ = _signed_fields("/api/orders?id=7")
    assert "The signature fits: it was made with k1." in (await _post(ask, page, fits))[1]


async def test_secrets_do_not_come_back_and_the_rest_does(ask: Ask, page: ASGIApp) -> None:
    delivery = deliver("github", b"x")
    fields = _fields(delivery, other="another-secret-of-mine", body="changed & <kept>", url="https://a.example/")
    _, text = await _post(ask, page, fields)
    assert delivery.text.text not in text
    assert "another-secret-of-mine" not in text
    assert "changed &amp; &lt;kept&gt;" in text
    assert 'value="https://a.example/"' in text
    assert '<option value="github" selected>' in text


@pytest.mark.parametrize("name", ["scheme", "headers", "body", "body_form", "url", "at", "header", "secret", "other"])
@pytest.mark.parametrize("scheme", ["standard", "plain", "signature"])
async def test_no_field_becomes_markup(ask: Ask, page: ASGIApp, name: str, scheme: str) -> None:
    fields = {**_fields(deliver("standard")), "scheme": scheme, name: HOSTILE}
    status, text = await _post(ask, page, fields)
    assert status == 200
    assert "<script" not in text
    assert "<b>'" not in text
    assert "alert(1)</" not in text


async def test_what_the_request_says_becomes_no_markup(ask: Ask, page: ASGIApp) -> None:
    fields, _ = _signed_fields("/<script>alert(1)</script>?x=<b>")
    _, text = await _post(ask, page, fields)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"secret": " "}, "There is no secret"),
        ({"at": "soon"}, "The time is not whole seconds"),
        ({"headers": "no header"}, "Line 1 of the headers is none"),
        ({"headers": "a: b\n" * 300}, "more than 200 lines"),
        ({"body": "%", "body_form": "base64"}, "The body is not base64"),
        ({"scheme": "none"}, "none"),
        ({"scheme": "signature"}, "Write the request line"),
        ({"scheme": "signature", "headers": "GET / HTTP/1.1"}, "one Host header"),
        ({"scheme": "signature", "headers": "GET / HTTP/1.1\nHost: a"}, "JSON Web Key"),
    ],
)
async def test_what_is_not_understood_is_said(ask: Ask, page: ASGIApp, other: dict[str, str], says: str) -> None:
    status, text = await _post(ask, page, _fields(deliver("standard"), **other))
    assert status == 200
    assert "Not understood" in text
    assert says in text.partition("<form")[0]


async def test_what_is_no_form_or_too_large_is_refused(ask: Ask, page: ASGIApp) -> None:
    assert (await ask(page, EXPLAIN_PATH, method="PUT"))[0] == 405
    assert (await ask(page, EXPLAIN_PATH, method="POST", chunks=(b"scheme=standard",)))[0] == 400
    twice = await ask(page, EXPLAIN_PATH, method="POST", headers=FORM, chunks=(b"url=a&url=b",))
    assert twice[0] == 400
    large = b"body=" + b"x" * EXPLAIN_FORM_BYTES_MAX
    assert (await ask(page, EXPLAIN_PATH, method="POST", headers=FORM, chunks=(large,)))[0] == 413


async def test_the_style_sheet_is_ours_alone(ask: Ask) -> None:
    style = explain_routes(lambda: NOW)[STYLE_PATH]
    status, headers, body = await ask(style, STYLE_PATH)
    assert (status, headers[b"content-type"]) == (200, b"text/css; charset=utf-8")
    assert b"url(" not in body
    assert b"@import" not in body
    assert (await ask(style, STYLE_PATH, method="POST"))[0] == 405


async def test_a_sender_of_the_store_is_chosen_in_place_of_a_secret(ask: Ask) -> None:
    store = SimulatedStore()
    delivery = deliver("github", JSON_BODY)
    other = deliver("github", JSON_BODY, seed=2)
    for name, text in (("main", delivery.text.text), ("orders", other.text.text)):
        await add_sender(store, SenderOrder(name=name, scheme="github"), actor=OPERATOR)
        await add_secret(store, SecretOrder(sender=name, text=text), actor=OPERATOR)
    page = explain_routes(store.clock, store)[EXPLAIN_PATH]
    _, _, body = await ask(page, EXPLAIN_PATH)
    assert '<option value="main">main (GitHub)</option>' in body.decode()
    # Its scheme and its secrets count, and what the form says of either does not.
    fields = _fields(delivery, sender="main", scheme="stripe", secret="")
    status, text = await _post(ask, page, fields)
    assert (status, "The signature fits: it was made with" in text) == (200, True)
    assert '<option value="main" selected>' in text
    assert '<option value="github" selected>' in text
    _, text = await _post(ask, page, _fields(other, sender="main", secret=""))
    assert "which is not the one in use here" in text
    for hidden in (delivery.text.text, other.text.text):
        assert hidden not in text
    assert (await _post(ask, page, _fields(delivery, sender="nobody")))[0] == 404


async def test_without_senders_there_is_nothing_to_choose(ask: Ask) -> None:
    store = SimulatedStore()
    _, _, body = await ask(explain_routes(store.clock, store)[EXPLAIN_PATH], EXPLAIN_PATH)
    assert 'name="sender"' not in body.decode()
