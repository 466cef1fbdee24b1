"""Tokens in, one a line; answers out, one a line; whatever the lines hold."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures_cli import Said, child_environment
from tests.simulators.issuer import API, ISSUER, NOW, SimulatedIssuer

from doorward.cli.entry import run
from doorward.cli.tokens_verify import read_lines
from doorward.crypto.jose.algorithms import Algorithm

ISSUED = SimulatedIssuer()
GOOD = ISSUED.issue(dw_wm=...)


def _key_set(*issuers: SimulatedIssuer) -> str:
    return json.dumps({"keys": [issuer.key.verification.public_jwk() for issuer in issuers]})


class _Judge:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.jwks = folder / "keys.json"
        self.jwks.write_text(_key_set(ISSUED))
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, lines: bytes, *more: str, jwks: str | None = None, issuer: str = ISSUER) -> Said:
        self._capsys.readouterr()
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
        named = ["--jwks", str(self.jwks) if jwks is None else jwks, "--issuer", issuer, "--audience", API]
        at = [] if "--at" in more else ["--at", str(NOW)]
        code = run(["tokens", "verify", *named, *at, *more])
        return Said(code, *self._capsys.readouterr())

    def json(self, lines: bytes, *more: str, issuer: str = ISSUER) -> list[Any]:
        """The answers; one for each line."""
        said = self(lines, "--json", *more, issuer=issuer)
        assert said.code == (0 if all(answer["ok"] for answer in said.lines) else 1)
        return said.lines

    def refused(self, line: bytes, *more: str) -> str:
        (answer,) = self.json(line, *more)
        assert answer.keys() == {"ok", "code", "detail"}
        assert answer["ok"] is False
        assert answer["detail"]
        code: str = answer["code"]
        return code


@pytest.fixture
def judge(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> _Judge:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return _Judge(tmp_path, capsys, monkeypatch)


def test_a_good_token_names_its_principal(judge: _Judge) -> None:
    (answer,) = judge.json(GOOD + b"\n")
    assert answer == {
        "ok": True,
        "principal": {
            "kind": "person",
            "id": "alice",
            "issuer": ISSUER,
            "client_id": "shop",
            "scopes": ["orders:read", "orders:write"],
            "audience": [API],
            "session_id": None,
            "organization_id": None,
            "not_after": NOW + 600,
            "credential_id": "tok1",
            "claims": ISSUED.claims(dw_wm=...),
        },
    }


def test_a_person_reads_one_line_a_token(judge: _Judge) -> None:
    said = judge(GOOD + b"\n" + ISSUED.issue(exp=NOW) + b"\n")
    assert said.code == 1
    good, bad = said.out.splitlines()
    assert good == "✓ person alice through shop, orders:read orders:write, until 2027-01-15 08:10 UTC"
    assert bad == f"✗ credential_expired: it expired at {NOW}"
    assert said.err == "doorward: 1 of 2 tokens were refused.\n"
    assert judge(GOOD).code == 0


def test_answers_come_in_the_order_of_the_lines(judge: _Judge) -> None:
    bad = ISSUED.issue(aud="https://other.example")
    answers = judge.json(b"\n".join((GOOD, bad, b"", GOOD, b"x")))
    assert [answer["ok"] for answer in answers] == [True, False, False, True, False]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"\r\n",
        GOOD + b"\r\n",
        b" " + GOOD + b"\n",
        GOOD + b" \n",
        b"\xff\xfe\xfd\n",
        b"\x00\n",
        GOOD + b"\x00\n",
        b"\xef\xbb\xbf" + GOOD,
        b'"' + GOOD + b'"\n',
        b"Bearer " + GOOD + b"\n",
        b"." * 100_000 + b"\n",
        b"a" * 3_000_000 + b"\n",
        GOOD + b"." + GOOD + b"\n",
    ],
)
def test_whatever_a_line_holds_it_is_one_refused_token(line: bytes, judge: _Judge) -> None:
    assert judge.refused(line) == "token_malformed"
    # And the next line is judged as if nothing had been.
    assert [answer["ok"] for answer in judge.json(line.rstrip(b"\n") + b"\n" + GOOD)] == [False, True]


@pytest.mark.parametrize("size", [8_191, 8_192, 8_193, 8_194, 8_195, 8_192 + 65_536, 8_193 + 65_536, 200_000])
def test_a_long_line_is_one_line_whatever_its_length(size: int, judge: _Judge) -> None:
    for end in (b"", b"\n"):
        assert len(judge.json(b"a" * size + end)) == 1
        assert len(judge.json(b"a" * size + b"\n" + b"b" * size + end)) == 2


def test_of_a_long_line_no_more_is_read_than_proves_it() -> None:
    asked: list[int] = []

    class Endless(io.RawIOBase):
        def readline(self, size: int | None = -1, /) -> bytes:
            asked.append(-1 if size is None else size)
            return b"a" * min(asked[-1] if asked[-1] > 0 else 10_000_000, 100_000) if len(asked) < 50 else b""

    lines = list(read_lines(Endless()))  # type: ignore[arg-type]  # all of a stream that is asked for
    assert [len(line) for line in lines] == [8_193]
    assert all(0 < size <= 100_000 for size in asked)


def test_a_last_line_without_an_end_is_a_token_and_an_end_is_no_line(judge: _Judge) -> None:
    assert len(judge.json(GOOD)) == len(judge.json(GOOD + b"\n")) == 1
    assert len(judge.json(GOOD + b"\n\n")) == 2


def test_nothing_at_all_is_not_good(judge: _Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    said = judge(b"")
    assert (said.code, said.out) == (2, "")
    assert "No token came" in said.err


def test_why_a_line_end_matters_is_said(judge: _Judge) -> None:
    (answer,) = judge.json(GOOD + b"\r\n")
    assert "carriage return" in answer["detail"]
    (answer,) = judge.json(b"\n")
    assert answer["detail"] == "an empty line"


def test_the_moment_can_be_chosen_and_leeway_is_none_unless_said(judge: _Judge) -> None:
    assert judge.json(GOOD, "--at", str(NOW + 599))[0]["ok"]
    assert judge.refused(GOOD, "--at", str(NOW + 600)) == "credential_expired"
    assert judge.refused(GOOD, "--at", str(NOW - 1)) == "token_not_yet_valid"
    for at in (NOW + 609, NOW - 10):
        assert judge.json(GOOD, "--at", str(at), "--leeway-s", "10")[0]["ok"]
    assert judge.refused(GOOD, "--at", str(NOW + 610), "--leeway-s", "10") == "credential_expired"
    assert judge.refused(GOOD, "--at", "0") == "token_not_yet_valid"


def test_the_strict_type_is_asked_for_unless_any_will_do(judge: _Judge) -> None:
    plain = ISSUED.issue({"typ": "JWT"}, sub=..., jti=..., client_id=..., iat=..., scope=..., dw_wm=...)
    assert judge.refused(plain) == "token_type"
    (answer,) = judge.json(plain, "--typ", "any")
    assert (answer["principal"]["id"], answer["principal"]["client_id"]) == ("", None)
    for name in ("exp", "aud"):
        assert judge.refused(ISSUED.issue(**{name: ...}), "--typ", "any") == "token_claims"
    assert judge.refused(ISSUED.issue(iss=...), "--typ", "any") == "token_issuer"
    assert judge.refused(ISSUED.issue(jti=...)) == "token_claims"


def test_issuer_and_audience_are_exact(judge: _Judge) -> None:
    assert judge.refused(ISSUED.issue(iss=ISSUER + "/")) == "token_issuer"
    assert judge.refused(ISSUED.issue(aud=API + "/")) == "token_audience"
    assert judge.json(ISSUED.issue(aud="second"), "--audience", "second")[0]["ok"]


def test_forgeries_are_refused(judge: _Judge) -> None:
    stranger = SimulatedIssuer(number=2)
    head, payload, signature = GOOD.split(b".")
    assert judge.refused(stranger.issue()) == "token_key_unknown"
    assert judge.refused(stranger.issue({"kid": ISSUED.key.kid})) == "token_signature"
    assert judge.refused(ISSUED.issue({"alg": "none"})) == "token_algorithm"
    assert judge.refused(b".".join((head, payload, b""))) == "token_signature"
    assert judge.refused(b".".join((head, payload, signature[:-2]))) in {"token_signature", "token_malformed"}


def test_a_secret_verifies_only_when_its_algorithm_is_said(judge: _Judge) -> None:
    closed = SimulatedIssuer(algorithm=Algorithm.HS256)
    secret = {"kty": "oct", "kid": closed.key.kid, "k": _k(closed)}
    for more, code in (({}, 1), ({"alg": "HS256"}, 0)):
        judge.jwks.write_text(json.dumps({"keys": [{**secret, **more}]}))
        said = judge(closed.issue())
        assert said.code == code
        assert _k(closed) not in said.out + said.err
    assert "Left out of the key set" in judge(GOOD, jwks=_written(judge, {"keys": [secret]})).err


def _k(issuer: SimulatedIssuer) -> str:
    from doorward.crypto.jose.base64url import encode_base64url

    return encode_base64url(issuer.key.private_der()).decode()


def _written(judge: _Judge, value: object) -> str:
    path = judge.jwks.with_name("other.json")
    path.write_text(json.dumps(value))
    return str(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"{}", "`keys`"),
        (b"[]", "object"),
        (b'{"keys": 1}', "`keys`"),
        (b"\xff", "not JSON"),
        (b'{"keys":[],"keys":[]}', "twice"),
        (b" " * 2_000_000, "octets"),
    ],
)
def test_keys_that_cannot_be_read_are_bad_usage(text: bytes, why: str, judge: _Judge) -> None:
    judge.jwks.write_bytes(text)
    said = judge(GOOD, "--json")
    assert (said.code, said.out) == (2, "")
    assert why in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("jwks", ["missing.json", ".", "a\x00b", "file:///etc/passwd", "ftp://id.example/keys"])
def test_a_file_that_is_not_there_is_bad_usage(jwks: str, judge: _Judge) -> None:
    said = judge(GOOD, jwks=jwks)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("doorward: --jwks ")


@pytest.mark.parametrize(
    "more",
    [
        ("--typ", "JWT"),
        ("--at", "soon"),
        ("--at", "-1"),
        ("--at", "1.5"),
        ("--leeway-s", "301"),
        ("--leeway-s", "-1"),
        ("--audience", ""),
        ("--nonsense",),
        ("token",),
    ],
)
def test_what_is_not_understood_is_bad_usage(more: tuple[str, ...], judge: _Judge) -> None:
    said = judge(GOOD, *more)
    assert (said.code, said.out) == (2, "")


def test_an_issuer_that_cannot_be_is_bad_usage(judge: _Judge) -> None:
    assert judge(GOOD, issuer="two words").code == 2
    for left_out in ("--jwks", "--issuer", "--audience"):
        named = {"--jwks": str(judge.jwks), "--issuer": ISSUER, "--audience": API}
        del named[left_out]
        assert run(["tokens", "verify", *(word for pair in named.items() for word in pair)]) == 2


def test_a_token_given_as_an_argument_is_not_repeated(judge: _Judge) -> None:
    said = judge(GOOD, GOOD.decode())
    assert said.code == 2
    assert GOOD.decode()[-40:] not in said.out + said.err


def test_what_an_issuer_writes_reaches_no_terminal(judge: _Judge) -> None:
    evil = ISSUED.issue(scope=..., x="\x1b[2J\u202e")
    said = judge(evil + b"\n" + ISSUED.issue({"typ": "\x1b]0;owned\x07"}) + b"\n")
    assert "\x1b" not in said.out
    assert judge(evil, "--json").out.isascii()


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = _key_set(ISSUED).encode()
        self.send_response(200 if self.path == "/.well-known/jwks.json" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


@pytest.fixture
def key_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_keys_are_fetched_from_a_url(key_server: str, judge: _Judge) -> None:
    assert judge(GOOD, jwks=f"{key_server}/.well-known/jwks.json").code == 0
    said = judge(GOOD, jwks=f"{key_server}/elsewhere")
    assert said.code == 2
    assert "404" in said.err


@pytest.mark.slow
def test_a_url_that_cannot_be_asked_is_bad_usage(judge: _Judge) -> None:
    for url in ("https://127.0.0.1:1/keys", "http://user:pw@127.0.0.1/keys", "http://192.0.2.1/keys", "https://"):
        said = judge(GOOD, jwks=url)
        assert said.code == 2, url
        assert "pw@" not in said.err


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_ten_thousand_tokens_are_one_call_and_the_answers_flow(judge: _Judge) -> None:
    command = [sys.executable, "-m", "doorward.cli", "tokens", "verify", "--json", "--at", str(NOW)]
    command += ["--jwks", str(judge.jwks), "--issuer", ISSUER, "--audience", API]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=child_environment()
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        # An answer comes when its token came, not when the input ends.
        child.stdin.write(GOOD + b"\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["ok"]
        rest = (GOOD + b"\n") * 9_999
        answers, _ = child.communicate(rest, timeout=100)
    assert child.returncode == 0
    assert answers.count(b'{"ok": true') == answers.count(b"\n") == 9_999
