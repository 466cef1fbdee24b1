"""`doorward signatures`: files in, a verdict out, and no key is ever shown."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, Final

import pytest
from tests.fixtures_cli import Shell
from tests.simulators.stored_signature_keys import private_pem, public_pem

from doorward.cli.signatures_message import HEADERS_MAX, parse_request
from doorward.errors import Rejected

SECRET: Final = urlsafe_b64encode(b"a secret of thirty-two bytes ok!").rstrip(b"=").decode()
PUBLIC: Final = {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
PRIVATE: Final = {**PUBLIC, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}
HMAC: Final = {"kty": "oct", "kid": "k1", "k": SECRET, "alg": "HS256"}
HEAD: Final = "POST /a//b?x=%2f HTTP/1.1\r\nHost: API.example:443\r\nContent-Type: application/json\r\n"
REQUEST: Final = HEAD + "Content-Length: 7\r\n\r\n" + '{"a":1}'


@pytest.fixture
def folder(empty_shell: Shell) -> Path:
    (empty_shell.folder / "keys.json").write_text(json.dumps({"keys": [HMAC, PUBLIC]}))
    (empty_shell.folder / "request.http").write_bytes(REQUEST.encode())
    return empty_shell.folder


def _add(request: str, headers: dict[str, str]) -> str:
    head, _, body = request.partition("\r\n\r\n")
    return "\r\n".join([head, *(f"{name}: {value}" for name, value in headers.items()), "", body])


def _signed(shell: Shell, *more: str) -> str:
    said = shell.json("signatures", "sign", "--keys", "keys.json", "--request", "request.http", "--at", "1000", *more)
    assert list(said) == ["headers"]
    return _add(REQUEST, said["headers"])


def _verify(shell: Shell, request: str, *more: str) -> tuple[int, Any]:
    (shell.folder / "signed.http").write_bytes(request.encode())
    said = shell(
        "signatures", "verify", "--keys", "keys.json", "--request", "signed.http", "--json", "--at", "1001", *more
    )
    return said.code, said.lines[0] if said.lines else said.err


def test_what_is_signed_is_verified(empty_shell: Shell, folder: Path) -> None:
    assert _verify(empty_shell, _signed(empty_shell)) == (0, {"ok": True, "key": "k1"})


def test_people_read_header_lines_and_a_verdict(empty_shell: Shell, folder: Path) -> None:
    lines = empty_shell.good("signatures", "sign", "--keys", "keys.json", "--request", "request.http").out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Content-Digest", "Signature-Input", "Signature"]
    (folder / "signed.http").write_text(REQUEST.replace("\r\n\r\n", "\n" + "\n".join(lines) + "\n\n"))
    said = empty_shell.good("signatures", "verify", "--keys", "keys.json", "--request", "signed.http")
    assert "Signed by the key k1." in said.out
    assert "as it was signed" in said.out
    refused = empty_shell("signatures", "verify", "--keys", "keys.json", "--request", "request.http")
    assert refused.code == 1
    assert "credential_missing" in refused.out


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("/a//b", "/a/b", "signature_mismatch"),
        ('{"a":1}', '{"a":2}', "signature_digest"),
        ("Content-Type: application/json\r\n", "", "signature_component"),
        ('keyid="k1"', 'keyid="k2"', "signature_key_unknown"),
        ("sig1=(", "sig1=((", "signature_malformed"),
        ("Host: API", "Host: a\r\nHost: API", "header_repeated"),
        ("POST /a", "POST  /a", "request_malformed"),
        ("Length: 7", "Length: 8", "request_malformed"),
    ],
)
def test_what_was_altered_is_refused_with_its_code(
    empty_shell: Shell, folder: Path, old: str, new: str, code: str
) -> None:
    status, said = _verify(empty_shell, _signed(empty_shell).replace(old, new))
    assert (status, said["ok"], said["code"]) == (1, False, code)
    assert set(said) == {"ok", "code", "detail"}


def test_time_and_profile_are_said(empty_shell: Shell, folder: Path) -> None:
    request = _signed(empty_shell, "--profile", "danger-replayable")
    status, said = _verify(empty_shell, request)
    assert (status, said["code"]) == (1, "signature_coverage")
    assert _verify(empty_shell, request, "--profile", "danger-replayable")[0] == 0
    assert (
        _verify(empty_shell, request, "--profile", "danger-replayable", "--at", "2000")[1]["code"]
        == "signature_expired"
    )


def test_the_scheme_decides_which_port_is_left_out(empty_shell: Shell, folder: Path) -> None:
    assert _verify(empty_shell, _signed(empty_shell), "--scheme", "http")[1]["code"] == "signature_mismatch"


def test_a_public_key_verifies_what_its_private_half_signed(empty_shell: Shell, folder: Path) -> None:
    (folder / "private.json").write_text(json.dumps(PRIVATE))
    said = empty_shell.json(
        "signatures", "sign", "--keys", "private.json", "--request", "request.http", "--at", "1000", "--key", "ed",
        "--label", "mine", "--tag", "t", "--lifetime-s", "60",
        "--cover", "content-length", "--cover", '@query-param;name="x"',
    )  # fmt: skip
    covered = said["headers"]["Signature-Input"]
    assert covered.startswith("mine=(")
    assert '"content-length"' in covered
    assert '"@query-param";name="x"' in covered
    assert _verify(empty_shell, _add(REQUEST, said["headers"])) == (0, {"ok": True, "key": "ed"})
    assert _verify(empty_shell, _add(REQUEST, said["headers"]), "--label", "other")[1]["code"] == "signature_coverage"


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--keys", "none.json", "--request", "request.http"),
        ("verify", "--keys", "request.http", "--request", "request.http"),
        ("verify", "--keys", "empty.json", "--request", "request.http"),
        ("verify", "--keys", "keys.json", "--request", "none.http"),
        ("verify", "--keys", "keys.json", "--request", "request.http", "--profile", "none"),
        ("verify", "--keys", "keys.json", "--request", "request.http", "--at", "-1"),
        ("verify", "--keys", "keys.json", "--request", "request.http", "--scheme", "ftp"),
        ("verify", "--request", "request.http"),
        ("sign", "--keys", "keys.json", "--request", "request.http", "--key", "ed"),
        ("sign", "--keys", "public.json", "--request", "request.http"),
        ("explain", "--request", "request.http", "--sent", "none.http"),
    ],
)
def test_what_is_not_understood_is_said_and_is_no_verdict(
    empty_shell: Shell, folder: Path, arguments: tuple[str, ...]
) -> None:
    (folder / "public.json").write_text(json.dumps(PUBLIC))
    (folder / "empty.json").write_text('{"keys":[]}')
    said = empty_shell("signatures", *arguments, "--json")
    assert (said.code, said.out) == (2, "")
    assert SECRET not in said.err


def test_a_request_may_be_typed(empty_shell: Shell, folder: Path) -> None:
    said = empty_shell(
        "signatures", "verify", "--keys", "keys.json", "--json", "--at", "1001", typed=_signed(empty_shell)
    )
    assert said.lines == [{"ok": True, "key": "k1"}]
    bytes_too = empty_shell.process(
        "signatures",
        "verify",
        "--keys",
        "keys.json",
        "--request",
        "-",
        "--json",
        "--at",
        "1001",
        typed=_signed(empty_shell),
    )
    assert json.loads(bytes_too.stdout) == {"ok": True, "key": "k1"}


def _apart(folder: Path, request: str) -> tuple[str, ...]:
    head, _, body = request.partition("\r\n\r\n")
    (folder / "headers.txt").write_text(head.partition("\r\n")[2].replace("\r\n", "\n"))
    (folder / "body.json").write_text(body)
    return ("--headers", "headers.txt", "--body", "body.json", "--url", "/a//b?x=%2f")


def test_a_request_may_be_given_in_parts(empty_shell: Shell, folder: Path) -> None:
    keys = ("--keys", "keys.json", "--json")
    signed = _signed(empty_shell)
    parts = _apart(folder, signed)
    good = empty_shell("signatures", "verify", *keys, "--at", "1001", *parts)
    assert good.lines == [{"ok": True, "key": "k1"}]
    other = empty_shell("signatures", "verify", *keys, "--at", "1001", *parts, "--method", "PUT")
    assert other.lines[0]["code"] == "signature_mismatch"
    (folder / "body.json").write_text('{"a":2}')
    assert empty_shell("signatures", "verify", *keys, "--at", "1001", *parts).lines[0]["code"] == "signature_digest"
    found = empty_shell("signatures", "explain", *keys, "--at", "1001", *parts[:-1], "/v1/a//b?x=%2f").lines[0]
    assert found["findings"][0]["changes"] == ["target.path"]
    assert empty_shell("signatures", "explain", "--json", *parts).lines[0]["body"] != "fits"


def test_what_is_signed_in_parts_is_verified_whole(empty_shell: Shell, folder: Path) -> None:
    (folder / "headers.txt").write_text("Content-Type: application/json\n")
    (folder / "body.json").write_text('{"a":1}')
    said = empty_shell.json(
        "signatures", "sign", "--keys", "keys.json", "--at", "1000", "--headers", "headers.txt", "--body", "body.json",
        "--url", "https://API.example:443/a//b?x=%2f",
    )  # fmt: skip
    assert "content-digest" in said["headers"]["Signature-Input"]
    assert _verify(empty_shell, _add(REQUEST, said["headers"])) == (0, {"ok": True, "key": "k1"})


def test_a_body_that_nothing_frames_must_be_covered_all_the_same(empty_shell: Shell, folder: Path) -> None:
    (folder / "headers.txt").write_text("Host: a.example\n")
    parts = ("--headers", "headers.txt", "--url", "/")
    bare = empty_shell.json("signatures", "sign", "--keys", "keys.json", "--at", "1000", *parts)
    (folder / "headers.txt").write_text(
        "Host: a.example\n" + "".join(f"{name}: {value}\n" for name, value in bare["headers"].items())
    )
    (folder / "body.json").write_text("{}")
    given = (*parts, "--body", "body.json", "--method", "GET")
    said = empty_shell("signatures", "verify", "--keys", "keys.json", "--at", "1001", "--json", *given)
    assert said.lines[0]["code"] == "signature_coverage"


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ("Host: a", ("--url", "/", "--request", "request.http")),
        ("Host: a", ()),
        ("Host: a", ("--url", "")),
        ("Host: a", ("--url", "b/c")),
        ("Host: a", ("--url", "/a b")),
        ("Host: a", ("--url", "/\u00e9")),
        ("Host: a", ("--url", "/#x")),
        ("Host: a", ("--url", "/" + "x" * 16_384)),
        ("Host: a", ("--url", "https://b/")),
        ("Host: a", ("--url", "ftp://a/")),
        ("Host: a", ("--url", "/", "--method", "GET X")),
        ("Host: a", ("--url", "/", "--scheme", "ftp")),
        ("Host: a", ("--url", "/", "--body", "none")),
        ("X: a", ("--url", "/")),
        ("no header", ("--url", "/")),
    ],
)
def test_parts_that_make_no_request_are_a_usage_problem(
    empty_shell: Shell, folder: Path, headers: str, more: tuple[str, ...]
) -> None:
    (folder / "headers.txt").write_text(headers)
    said = empty_shell("signatures", "verify", "--keys", "keys.json", "--json", "--headers", "headers.txt", *more)
    assert (said.code, said.out) == (2, "")


def test_two_hosts_in_parts_are_refused_as_in_one_file(empty_shell: Shell, folder: Path) -> None:
    (folder / "headers.txt").write_text("Host: a\nHost: b\n")
    parts = ("--headers", "headers.txt", "--url", "/")
    said = empty_shell("signatures", "verify", "--keys", "keys.json", "--json", *parts)
    assert (said.code, said.lines[0]["code"]) == (1, "header_repeated")


def test_explain_shows_what_is_signed_and_what_changed(empty_shell: Shell, folder: Path) -> None:
    request = _signed(empty_shell)
    (folder / "sent.http").write_bytes(request.encode())
    (folder / "got.http").write_bytes(request.replace("/a//b", "/a/b").replace("API", "api").encode())
    alone = empty_shell.json("signatures", "explain", "--request", "sent.http")
    assert [line["component"] for line in alone["lines"]][:2] == ['"@method"', '"@authority"']
    assert alone["changed"] == []
    both = empty_shell("signatures", "explain", "--request", "got.http", "--sent", "sent.http", "--json")
    assert both.code == 1
    assert both.lines[0]["changed"] == ['"@path"']
    people = empty_shell("signatures", "explain", "--request", "got.http", "--sent", "sent.http")
    assert '- "@path"' in people.out
    assert "/a//b" in people.out
    (folder / "cut.http").write_bytes(request.replace("Content-Type: application/json\r\n", "").encode())
    cut = empty_shell("signatures", "explain", "--request", "cut.http")
    assert (cut.code, "cannot be had" in cut.err) == (1, True)


def test_explain_without_keys_tells_no_credential_and_no_signature(empty_shell: Shell, folder: Path) -> None:
    body = '{"a":1}'
    fields = {
        "Authorization": "Bearer hunter2-hunter2",
        "X-Hub-Signature-256": "sha256=hunter2-hunter2",
        "Referer": "https://a.example/?token=hunter2-hunter2",
    }
    first = _add(HEAD.replace("x=%2f", "access_token=hunter2-hunter2") + "Content-Length: 7\r\n\r\n" + body, fields)
    (folder / "request.http").write_bytes(first.encode())
    inner = empty_shell.json("signatures", "sign", "--keys", "keys.json", "--request", "request.http", "--at", "1000")
    (folder / "request.http").write_bytes(_add(first, inner["headers"]).encode())
    covers = [*fields, 'signature;key="sig1"', "content-type"]
    outer = empty_shell.json(
        "signatures", "sign", "--keys", "keys.json", "--request", "request.http", "--at", "1000", "--label", "outer",
        *(part for name in covers for part in ("--cover", name.lower())),
    )  # fmt: skip
    twice = _add(_add(first, inner["headers"]), outer["headers"])
    (folder / "sent.http").write_bytes(twice.encode())
    (folder / "got.http").write_bytes(twice.replace("hunter2-hunter2", "hunter2-hunter3").encode())
    valid = inner["headers"]["Signature"].split(":")[1]
    assert valid in twice
    differing = ("--request", "got.http", "--sent", "sent.http")
    for arguments in [(*more, *form) for more in (("--request", "sent.http"), differing) for form in ((), ("--json",))]:
        said = empty_shell("signatures", "explain", *arguments, "--label", "outer")
        told = said.out + said.err
        assert "hunter2" not in told
        assert valid not in told
        assert "not shown" in told
    changed = empty_shell("signatures", "explain", *differing, "--json", "--label", "outer").lines[0]["changed"]
    assert '"authorization"' in changed


def _explain(shell: Shell, request: str, *more: str) -> tuple[int, Any]:
    (shell.folder / "got.http").write_bytes(request.encode())
    said = shell("signatures", "explain", "--keys", "keys.json", "--request", "got.http", "--at", "1001", *more)
    assert SECRET not in said.out + said.err
    return said.code, said


def test_explain_with_keys_says_which_change_makes_it_fit(empty_shell: Shell, folder: Path) -> None:
    request = _signed(empty_shell)
    code, said = _explain(empty_shell, request.replace("/a//b", "/v1/a//b"), "--json")
    assert code == 0
    found = said.lines[0]
    assert (found["ok"], found["code"]) == (False, "signature_mismatch")
    assert found["findings"][0]["changes"] == ["target.path"]
    assert [line["signed"] for line in found["base"] if line["signed"] != line["received"]] == ["/a//b"]
    code, people = _explain(empty_shell, request.replace("/a//b", "/v1/a//b"))
    assert "✗ The signature fits when the path is without its first part." in people.out
    assert '- "@path"' in people.out
    assert _explain(empty_shell, request, "--json")[1].lines[0]["ok"] is True


def test_explain_with_keys_says_when_there_is_no_answer(empty_shell: Shell, folder: Path) -> None:
    code, said = _explain(empty_shell, _signed(empty_shell).replace("/a//b", "/q/r/s"))
    assert code == 1
    assert "None of these" in said.out
    assert "--other-keys FILE" in said.err


def test_explain_knows_retired_keys_and_masks_credentials(empty_shell: Shell, folder: Path) -> None:
    (folder / "old.json").write_text(json.dumps({**HMAC, "k": SECRET[::-1].replace("h", "i"), "kid": "old"}))
    head = HEAD + "Authorization: Bearer hunter2\r\nContent-Length: 7\r\n\r\n"
    (folder / "request.http").write_bytes((head + '{"a":1}').encode())
    said = empty_shell.json(
        "signatures",
        "sign",
        "--keys",
        "old.json",
        "--request",
        "request.http",
        "--at",
        "1000",
        "--cover",
        "authorization",
    )
    request = _add(head + '{"a":1}', said["headers"])
    code, told = _explain(empty_shell, request, "--other-keys", "old.json")
    assert code == 0
    assert "the key is old, which is not in use here" in told.out
    assert "hunter2" not in told.out + told.err
    alone = empty_shell("signatures", "explain", "--request", "got.http")
    assert "hunter2" not in alone.out + alone.err


@pytest.mark.parametrize("more", [("--other-keys", "keys.json"), ("--at", "5"), ("--keys", "keys.json", "--sent", "a")])
def test_explain_refuses_what_does_not_go_together(empty_shell: Shell, folder: Path, more: tuple[str, ...]) -> None:
    assert empty_shell("signatures", "explain", "--request", "request.http", *more).code == 2


def _chunked(*more: str) -> bytes:
    return (HEAD + "Transfer-Encoding: chunked\r\n\r\n" + "".join(more)).encode()


def test_chunks_are_put_together() -> None:
    whole = parse_request(
        _chunked("3;x=y\r\nabc\r\n", "A\r\n0123456789\r\n", "0\r\nTrailer: x\r\n\r\n"), scheme="https"
    )
    assert whole.body == b"abc0123456789"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nname : value\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: first\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nxy",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (HEADERS_MAX + 1) + b"\r\n",
        _chunked("x\r\n"),
        _chunked("5\r\nabc"),
        _chunked("2\r\nabc\r\n"),
        _chunked("1\r\na\r\n"),
    ],
)
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(Rejected) as raised:
        parse_request(raw, scheme="https")
    assert raised.value.code == "request_malformed"


def test_a_file_is_read_as_it_stands() -> None:
    request = parse_request(
        b"\nGET https://API.example/x HTTP/1.1\nX-Id:  a \n\t b\nX-Id: c\nContent-Length: 2\n\nhi\n", scheme="http"
    )
    assert request.body == b"hi"
    assert request.message.headers[:2] == ((b"x-id", b"a\r\n\t b"), (b"x-id", b"c"))
    assert (request.message.scheme, request.message.authority) == ("https", b"API.example")
    assert parse_request(b"GET / HTTP/1.1\r\nHost: a", scheme="https").body == b""


@pytest.mark.parametrize(
    ("kind", "more"), [("Ed25519", ()), ("P-256", ()), ("RSA-2048", ("--algorithm", "rsa-pss-sha512"))]
)
def test_a_private_key_in_pem_signs_under_the_id_that_is_said(
    empty_shell: Shell, folder: Path, kind: str, more: tuple[str, ...]
) -> None:
    (folder / "private.pem").write_bytes(private_pem(kind))
    (folder / "public.pem").write_bytes(public_pem(kind))
    asked = ("--request", "request.http", "--key-id", "sig_1", *more)
    headers = empty_shell.json("signatures", "sign", "--keys", "private.pem", *asked)["headers"]
    assert 'keyid="sig_1"' in headers["Signature-Input"]
    (folder / "signed.http").write_bytes(_add(REQUEST, headers).encode())
    for file in ("private.pem", "public.pem"):
        known = ("--keys", file, "--request", "signed.http", "--key-id", "sig_1", *more)
        assert "Signed by the key sig_1." in empty_shell.good("signatures", "verify", *known).out
        assert empty_shell.good("signatures", "explain", *known).code == 0


def test_what_pem_leaves_open_is_asked_for(empty_shell: Shell, folder: Path) -> None:
    for name, kind in (("ed.pem", "Ed25519"), ("rsa.pem", "RSA-2048")):
        (folder / name).write_bytes(private_pem(kind))
    (folder / "public.pem").write_bytes(public_pem("Ed25519"))
    for words, told in (
        (("ed.pem",), "--key-id"),
        (("ed.pem", "--key-id", "a\nb"), "printable"),
        (("ed.pem", "--key-id", ""), "printable"),
        (("rsa.pem", "--key-id", "k"), "rsa-pss-sha512"),
        (("public.pem", "--key-id", "k"), "no key k that can sign"),
        (("keys.json", "--key-id", "k1", "--algorithm", "ed25519"), "for a key in PEM"),
        (("ed.pem", "--key-id", "k", "--algorithm", "hmac-sha256"), "no algorithm"),
    ):
        said = empty_shell("signatures", "sign", "--request", "request.http", "--keys", *words)
        assert (said.code, said.out, told in said.err) == (2, "", True), said.err


def test_what_is_not_there_to_be_signed_is_no_fault_of_a_credential(empty_shell: Shell, folder: Path) -> None:
    said = empty_shell("signatures", "sign", "--keys", "keys.json", "--request", "request.http", "--cover", "x-missing")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("doorward: The request cannot be signed so: the covered field")
    assert "credential" not in said.err


@pytest.mark.parametrize("command", [("verify", "--keys", "keys.json"), ("sign", "--keys", "keys.json"), ("explain",)])
def test_that_nothing_came_is_said(empty_shell: Shell, folder: Path, command: tuple[str, ...]) -> None:
    (folder / "empty.http").write_bytes(b"\r\n")
    for words, told in (((), "Nothing came on standard input"), (("--request", "empty.http"), "empty.http is empty")):
        said = empty_shell("signatures", *command, *words, typed="")
        assert (said.code, told in said.err) == (2, True), said.err


def test_an_explanation_of_an_unsigned_request_says_what_verify_says(empty_shell: Shell, folder: Path) -> None:
    said = empty_shell("signatures", "explain", "--request", "request.http")
    assert said.code == 1
    assert "no Signature-Input and no Signature. (credential_missing)" in said.err


def test_a_verdict_names_times_as_people_read_them_and_where_to_ask_why(empty_shell: Shell, folder: Path) -> None:
    (folder / "signed.http").write_bytes(_signed(empty_shell, "--lifetime-s", "60").encode())
    asked = ("signatures", "verify", "--keys", "keys.json", "--request", "signed.http", "--at")
    said = empty_shell.good(*asked, "1004").out
    assert "1970-01-01 00:16 UTC, 4 seconds ago" in said
    assert "1970-01-01 00:17 UTC, in 56 seconds" in said
    refused = empty_shell(*asked, "1000000")
    assert refused.out.startswith("✗ Refused: ")
    assert "doorward signatures explain" in refused.err


def test_an_old_request_is_refused_although_its_signature_fits_and_its_age_is_told_in_days(
    empty_shell: Shell, folder: Path
) -> None:
    (folder / "signed.http").write_bytes(_signed(empty_shell).encode())
    said = empty_shell(
        "signatures", "explain", "--keys", "keys.json", "--request", "signed.http", "--at", str(1000 + 86_400 * 40)
    )
    told = "✗ Refused, although the signature fits. It was made 3456000 s (40 days) ago, and 300 s are allowed."
    assert told in " ".join(said.out.split())
