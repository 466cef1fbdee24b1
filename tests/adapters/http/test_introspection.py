"""One question about a token, over a real socket: what is sent, and what counts as an answer."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from tests.simulators.request import view_of
from tests.simulators.web import Asked, Web, answer, serving_web

from doorward import Door, Introspection, Opaque
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.opaque import Introspector
from doorward.methods.opaque.config import ANSWER_BYTES_MAX
from doorward.wire.credential import mint_credential_text

KEY = "dw_live_the-key-of-this-resource"
API = "https://api.example"


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving_web() as opened:
        yield opened


@pytest.fixture
async def introspector(web: Web) -> AsyncIterator[Introspector]:
    made = Introspection(
        f"http://127.0.0.1:{web.port}", key=KEY, audience=API, issuer="https://id.example", danger_plain_http=True
    )
    yield made
    await made.aclose()


def _says(**changed: object) -> bytes:
    said = {"active": True, "iss": "https://id.example", "sub": "alice", "client_id": "web", "aud": API, "exp": 2**33}
    return answer(json.dumps(said | changed).encode())


async def test_the_question_is_a_post_with_our_key(web: Web, introspector: Introspector) -> None:
    web.says = _says()
    said = await introspector.introspect(b"dw_token_x+y/z==")
    assert said is not None
    assert said.barred is None
    ((line, headers),) = web.asked
    assert line == b"POST /introspect HTTP/1.1"
    assert headers[b"authorization"] == b"Bearer " + KEY.encode()
    assert headers[b"content-type"] == b"application/x-www-form-urlencoded"
    assert headers[b"content-length"] == str(len("token=dw_token_x%2By%2Fz%3D%3D")).encode()
    assert b"dw_token" not in line


@pytest.mark.parametrize(
    "says",
    [
        answer(b'{"active": true}', status="401 Unauthorized"),
        answer(b'{"active": true}', status="403 Forbidden"),
        answer(b'{"active": true}', status="201 Created"),
        answer(b"", status="302 Found", more="location: http://169.254.169.254/\r\n"),
        answer(b"{}", status="500 Internal Server Error"),
        answer(b'{"active": true}', content_type="text/html"),
        answer(b'{"active": "true"}'),
        answer(b"not json"),
        answer(b'{"active": true, "x": "' + b"x" * ANSWER_BYTES_MAX + b'"}'),
        answer(b'{"active": true}', more="content-encoding: gzip\r\n"),
        b"HTTP/1.1 200 OK\r\n\r\n"[:10],
        b"garbage\r\n\r\n",
    ],
    ids=range(12),
)
async def test_anything_else_is_no_answer_and_tells_no_secret(
    web: Web, introspector: Introspector, says: bytes
) -> None:
    async def say_and_hang_up(asked: Asked, writer: asyncio.StreamWriter) -> None:
        del asked
        writer.write(says)
        writer.close()

    web.says = say_and_hang_up
    with pytest.raises(Unavailable) as caught:
        await introspector.introspect(b"dw_token_secret")
    assert caught.value.code == "introspection_unavailable"
    assert "dw_token_secret" not in caught.value.detail
    assert KEY not in caught.value.detail


async def test_a_key_may_change_while_the_process_runs(web: Web) -> None:
    keys = iter(["dw_live_first", "dw_live_second"])
    introspector = Introspection(
        f"http://127.0.0.1:{web.port}/oauth/check?x=1", key=lambda: next(keys), audience=API, danger_plain_http=True
    )
    web.says = _says(active=False)
    for token in (b"a", b"b"):
        assert await introspector.introspect(token) is None
    await introspector.aclose()
    assert [headers[b"authorization"] for _, headers in web.asked] == [
        b"Bearer dw_live_first",
        b"Bearer dw_live_second",
    ]
    assert {line for line, _ in web.asked} == {b"POST /oauth/check?x=1 HTTP/1.1"}
    assert introspector.issuer == f"http://127.0.0.1:{web.port}"


def _missing() -> str:
    raise FileNotFoundError("/run/secrets/dw_live_key")


@pytest.mark.parametrize("key", [_missing, lambda: "dw_live_x\n", lambda: "", lambda: "a" * 513], ids=range(4))
async def test_a_key_that_cannot_be_had_is_an_outage_at_the_door(web: Web, key: Callable[[], str]) -> None:
    asking = Introspection(f"http://127.0.0.1:{web.port}", key=key, audience=API, danger_plain_http=True)
    door = Door(Opaque(asking))
    text = mint_credential_text(prefix="dw", label="token", entropy=secrets.token_bytes).text
    with pytest.raises(Unavailable) as caught:
        await door.admit(view_of((b"authorization", b"Bearer " + text.encode())))
    assert caught.value.code == "introspection_unavailable"
    assert "dw_live" not in caught.value.detail
    assert web.connections == 0
    await door.aclose()


async def test_nobody_at_home_is_said() -> None:
    async with serving_web() as gone:
        port = gone.port
    introspector = Introspection(f"http://127.0.0.1:{port}", key=KEY, audience=API, danger_plain_http=True)
    with pytest.raises(Unavailable, match="introspection_unavailable"):
        await introspector.confirm(b"t")
    await introspector.aclose()


@pytest.mark.parametrize("key", ["", "two words", "key\n", "kéy"])
def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Introspection("https://id.example", key=key, audience=API)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("url", ["http://id.example", "file:///etc/passwd", "https://id.example/#x", "id.example", ""])
def test_a_url_nobody_should_ask_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        Introspection(url, key=KEY, audience=API)


def test_no_key_is_shown() -> None:
    assert KEY not in repr(Introspection("https://id.example", key=KEY, audience=API))
