"""What is checked of a credential and of a URL before anything leaves."""

import importlib
import io
import logging
import subprocess
import sys
from typing import Any, Final

import pytest
from tests.clients.libraries import Library
from tests.clients.test_redirects import AUTHS, KEY
from tests.fixtures_cli import child_environment

from doorward.clients.apikey import api_key_header
from doorward.clients.basic import basic_header
from doorward.clients.body import content_digest_of
from doorward.clients.outgoing import OutgoingRequest, check_transport
from doorward.errors import Misconfigured

_LOOPBACK: Final = ("localhost", "LOCALHOST", "127.0.0.1", "127.8.0.1", "::1")
_ELSEWHERE: Final = ("api.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "0.0.0.0", "", "2130706433")  # noqa: S104


@pytest.mark.parametrize("host", [*_LOOPBACK, *_ELSEWHERE])
def test_nothing_goes_over_plain_http(host: str) -> None:
    with pytest.raises(Misconfigured, match="without encryption"):
        check_transport("http", host, danger_plain_http_on_loopback=False)


@pytest.mark.parametrize("host", _ELSEWHERE)
def test_plain_http_leads_nowhere_but_to_this_machine(host: str) -> None:
    for scheme in ("http", "ftp", "", "HTTP"):
        with pytest.raises(Misconfigured, match="without encryption"):
            check_transport(scheme, host, danger_plain_http_on_loopback=True)


@pytest.mark.parametrize("host", _LOOPBACK)
def test_plain_http_to_this_machine_can_be_allowed(host: str) -> None:
    check_transport("http", host, danger_plain_http_on_loopback=True)
    check_transport("https", "api.example", danger_plain_http_on_loopback=False)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_this_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, "http://proxy.example:3128")
    for passed_by in (None, "", "10.0.0.1", "calhost", "localhost.example,127.0.0.0/8"):
        if passed_by is not None:
            monkeypatch.setenv("NO_PROXY", passed_by)
        for host in _LOOPBACK:
            with pytest.raises(Misconfigured, match="would go to the proxy"):
                check_transport("http", host, danger_plain_http_on_loopback=True)
    check_transport("https", "api.example", danger_plain_http_on_loopback=True)
    monkeypatch.setenv("NO_PROXY", "x.example, localhost,127.0.0.1 ,127.8.0.1,::1")
    for host in _LOOPBACK:
        check_transport("http", host, danger_plain_http_on_loopback=True)
    monkeypatch.setenv("NO_PROXY", "*")
    check_transport("http", "localhost", danger_plain_http_on_loopback=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", AUTHS)
def test_no_auth_hands_a_credential_to_a_proxy(library: Library, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(Misconfigured, match="would go to the proxy"):
        library.send(library.auth(kind, *AUTHS[kind]), "POST", "http://localhost:1/", b"{}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", AUTHS)
def test_every_auth_refuses_plain_http(library: Library, kind: str) -> None:
    # Port 1 answers nobody: a request that left would fail otherwise.
    strict = getattr(library.module, kind)(*AUTHS[kind])
    with pytest.raises(Misconfigured, match="without encryption"):
        library.send(strict, "POST", "http://127.0.0.1:1/", b"{}")
    lenient = library.auth(kind, *AUTHS[kind])
    with pytest.raises(Misconfigured, match="without encryption"):
        library.send(lenient, "POST", "http://api.example/", b"{}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", AUTHS)
def test_no_secret_is_shown_or_logged(library: Library, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = library.auth(kind, *AUTHS[kind])
    with pytest.raises(Exception, match=r".*") as caught:  # each library has its own for a refused connection
        library.send(auth, "POST", "http://127.0.0.1:1/", b"{}", {"content-type": "application/json"})
    shown = repr(auth) + str(auth) + repr(caught.value) + caplog.text
    secret = AUTHS[kind][-1] if kind != "SignatureAuth" else repr(AUTHS[kind][0])
    assert secret not in shown
    assert "Bearer " not in shown
    assert "Basic " not in shown


@pytest.mark.parametrize("name", ["httpx2", "httpx"])
def test_whoever_looks_at_a_request_sees_its_signature(name: str) -> None:
    # As a test with a transport of its own does, or a hook.
    library: Any = importlib.import_module(name)
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request.headers)
        return library.Response(200, request=request)

    auth = Library(name).auth("WebhookAuth", *AUTHS["WebhookAuth"])
    with library.Client(transport=library.MockTransport(answer)) as client:
        client.post("https://api.example/hook", content=b"{}", headers={"X-Own": "1"}, auth=auth)
    (headers,) = seen
    assert (headers["Webhook-Signature"][:3], headers["x-own"]) == ("v1,", "1")
    assert ("webhook-id" in headers, headers.get("none"), 7 in headers) == (True, None, False)
    assert "webhook-id" not in library.Headers(headers)


@pytest.mark.parametrize("key", ["", "x", KEY[:-1], KEY + " ", " " + KEY, KEY.swapcase(), KEY + "\r\nx: y"])
def test_a_key_that_was_not_copied_whole_is_noticed(key: str) -> None:
    with pytest.raises(Misconfigured, match="Copy it again") as caught:
        api_key_header(key)
    assert not key.strip() or key.strip() not in str(caught.value) or key == "x"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ApiKeyAuth", (None,)),
        ("BasicAuth", ("app", None)),
        ("BasicAuth", (None, "word")),
        ("BearerAuth", (None,)),
        ("SignatureAuth", (None, "shop")),
        ("WebhookAuth", ("standard", None)),
        ("WebhookAuth", ("standard", b"bytes")),
        ("WebhookAuth", (None, "x")),
    ],
)
def test_a_variable_that_is_not_set_is_said_at_once(library: Library, kind: str, said: tuple[Any, ...]) -> None:
    with pytest.raises(Misconfigured, match="is needed"):
        library.auth(kind, *said)


@pytest.mark.parametrize(
    ("user_id", "password"), [("", "p"), ("u", ""), ("a:b", "p"), ("a", "p\n"), ("a\x00", "p"), ("a", "p" * 6144)]
)
def test_a_pair_that_cannot_be_sent_is_refused(user_id: str, password: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be sent"):
        basic_header(user_id, password)


def test_a_pair_is_utf8_and_hidden() -> None:
    header = basic_header("app", "pä:ß")
    assert header.value == "Basic YXBwOnDDpDrDnw=="
    assert repr(header) == "AuthorizationHeader('Basic', <secret>)"


def test_a_request_shows_its_method_only() -> None:
    request = OutgoingRequest(
        method="GET", url="https://a/?k=s", scheme="https", authority=b"a", target=b"/?k=s", headers=((b"x", b"s"),)
    )
    assert (repr(request), request.__rich_repr__()) == ("OutgoingRequest('GET')", [("method", "GET")])


def test_a_file_is_where_it_was_after_its_digest() -> None:
    file = io.BytesIO(b"xhello")
    file.seek(1)
    assert content_digest_of(file) == "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
    assert file.read() == b"hello"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cure"),
    [("httpx2", "pip install 'doorward[http]'"), ("httpx", "pip install httpx"), ("requests", "pip install requests")],
)
def test_a_library_that_is_missing_is_named(name: str, cure: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None; import doorward.clients.{name}"
    done: Any = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, check=False
    )
    assert done.stderr.rstrip().endswith(cure)


@pytest.mark.slow
def test_clients_alone_load_no_library() -> None:
    code = "import sys, doorward.clients; print({'httpx', 'httpx2', 'requests'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
