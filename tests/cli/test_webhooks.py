"""`doorward webhooks`: signing, verifying and explaining from files, without a server or a store."""

import io
import json
from pathlib import Path
from typing import Final

import pytest
from tests.fixtures_cli import Said, Shell

BODY: Final = b'{"test": 2432232314}'
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT: Final = "1614265330"
HEADERS: Final = (
    b"webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
    b"webhook-timestamp: 1614265330\n"
    b"webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"
)


@pytest.fixture
def files(empty_shell: Shell) -> Shell:
    """A folder with a published example in it."""
    write(empty_shell, secret=SECRET.encode() + b"\n", headers=HEADERS, body=BODY)
    return empty_shell


def write(shell: Shell, **contents: bytes) -> None:
    for name, content in contents.items():
        (shell.folder / name).write_bytes(content)


def call(shell: Shell, command: str, *more: str, scheme: str = "standard") -> Said:
    named = ("--scheme", scheme, "--secret-file", "secret", "--headers", "headers", "--body", "body", "--at", AT)
    return shell("webhooks", command, *named, *more)


def test_a_published_delivery_verifies(files: Shell) -> None:
    said = call(files, "verify", "--json")
    assert (said.code, said.err) == (0, "")
    (answer,) = said.lines
    assert (answer["ok"], answer["key"]) == (True, "secret")
    assert answer["id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_a_person_reads_the_same(files: Shell) -> None:
    said = call(files, "verify")
    assert said.code == 0
    assert "secret" in said.out
    assert SECRET not in said.out + said.err


def test_what_was_altered_is_refused_with_a_code(files: Shell) -> None:
    write(files, body=BODY + b"\n")
    said = call(files, "verify", "--json")
    assert said.code == 1
    (answer,) = said.lines
    assert (answer["ok"], answer["code"]) == (False, "webhook_signature")
    assert answer["detail"]
    told = call(files, "verify")
    assert told.code == 1
    assert "webhook_signature" in told.out
    assert "explain" in told.err


@pytest.mark.parametrize(("at", "code"), [("1614265630", 0), ("1614265631", 1), ("1614265030", 0), ("1614265029", 1)])
def test_the_clock_is_the_one_that_is_said(files: Shell, at: str, code: int) -> None:
    assert call(files, "verify", "--json", "--at", at).code == code
    assert call(files, "verify", "--at", at, "--tolerance-s", "1000").code == 0


def test_signing_writes_the_published_headers(files: Shell) -> None:
    said = call(files, "sign")
    assert (said.code, said.out.encode()) == (0, HEADERS)
    (answer,) = call(files, "sign", "--json").lines
    assert answer["headers"]["webhook-signature"].startswith("v1,g0hM9SsE")


@pytest.mark.parametrize("scheme", ["standard", "svix", "stripe", "github", "slack", "shopify", "plain", "twilio"])
def test_what_is_signed_verifies(files: Shell, scheme: str) -> None:
    more = ("--url", "https://a.example/x") if scheme == "twilio" else ()
    body = b"From=1&To=2" if scheme == "twilio" else "größe\n".encode()
    write(files, body=body)
    named = ("--scheme", scheme, "--secret-file", "secret", "--body", "body")
    signed = files.good("webhooks", "sign", *named, *more)
    write(files, headers=b"POST /hook HTTP/1.1\r\n" + signed.out.replace("\n", "\r\n").encode())
    assert files("webhooks", "verify", *named, "--headers", "headers", *more).code == 0


def test_a_new_id_is_made_for_each_delivery(files: Shell) -> None:
    named = ("--scheme", "standard", "--secret-file", "secret", "--body", "body", "--json")
    ids = {files.good("webhooks", "sign", *named).lines[0]["headers"]["webhook-id"] for _ in range(3)}
    assert len(ids) == 3
    assert files.good("webhooks", "sign", *named, "--id", "mine").lines[0]["headers"]["webhook-id"] == "mine"
    assert files("webhooks", "sign", *named, "--id", "a.b").code == 1


def test_several_secrets_are_told_apart(files: Shell) -> None:
    write(files, secret=f"{SECRET[:-4]}AAAA\n{SECRET}\n".encode())
    (answer,) = call(files, "verify", "--json").lines
    assert answer["key"] == "secret:2"
    signed = call(files, "sign", "--json").lines[0]["headers"]["webhook-signature"]
    assert len(signed.split(" ")) == 2


def test_a_plain_scheme_is_described_by_options(files: Shell) -> None:
    write(files, secret=b"9vQ2mXc7LpR4sYbN8kWtZ3hE")
    more = ("--header", "X-Mine", "--encoding", "base64", "--prefix", "sig=")
    said = call(files, "sign", *more, scheme="plain")
    assert said.out.startswith("X-Mine: sig=")
    write(files, headers=said.out.encode())
    assert call(files, "verify", *more, scheme="plain").code == 0
    assert call(files, "verify", scheme="plain").code == 1
    assert call(files, "verify", "--header", "X-Mine").code == 2


def test_a_body_may_come_from_standard_input(files: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class _Typed(io.StringIO):
        buffer = io.BytesIO(BODY)

    monkeypatch.setattr("io.StringIO", lambda _: _Typed())
    assert call(files, "verify", "--body", "-").code == 0


def test_an_explanation_names_the_change_and_the_cure(files: Shell) -> None:
    write(files, body=b'{"test":2432232314}')
    said = call(files, "explain")
    assert said.code == 0
    words = " ".join(said.out.split())
    assert "as Python writes it" in words
    assert "await request.body()" in words
    (answer,) = call(files, "explain", "--json").lines
    assert (answer["ok"], answer["findings"][0]["changes"], answer["findings"][0]["key"]) == (
        False,
        ["body.json"],
        "secret",
    )
    assert answer["findings"][0]["proven"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_captured_request_is_as_good_as_two_files(files: Shell, end: bytes) -> None:
    captured = b"POST /hook HTTP/1.1\nHost: a.example\n" + HEADERS + b"\n"
    write(files, captured=captured.replace(b"\n", end) + BODY, short=HEADERS)
    named = ("--scheme", "standard", "--secret-file", "secret", "--at", AT)
    assert files("webhooks", "verify", *named, "--request", "captured").code == 0
    assert files("webhooks", "explain", *named, "--request", "captured", "--json").lines[0]["ok"] is True
    for wrong in (("--request", "short"), ("--request", "captured", "--body", "body"), ("--headers", "headers"), ()):
        assert files("webhooks", "verify", *named, *wrong).code == 2


def test_a_retired_secret_may_be_given_to_explain(files: Shell) -> None:
    write(files, retired=SECRET.encode(), secret=SECRET[:-4].encode() + b"AAAA")
    (answer,) = call(files, "explain", "--json", "--other-secret-file", "retired").lines
    assert (answer["findings"][0]["changes"], answer["findings"][0]["key"]) == (["secret.other"], "retired")


def test_no_explanation_is_an_answer_of_its_own(files: Shell) -> None:
    write(files, body=b"another one")
    said = call(files, "explain")
    assert said.code == 1
    assert "None of these" in said.out
    (answer,) = call(files, "explain", "--json").lines
    assert (answer["findings"], answer["complete"]) == ([], True)


def test_a_good_delivery_needs_no_explanation(files: Shell) -> None:
    said = call(files, "explain", "--json")
    assert (said.code, said.lines[0]["ok"]) == (0, True)


def test_a_folded_header_stays_visible(files: Shell) -> None:
    write(files, headers=HEADERS.replace(b"v1,", b"\r\n\tv1,"))
    assert call(files, "verify", "--json").lines[0]["code"] == "webhook_malformed"
    assert call(files, "explain", "--json").lines[0]["findings"][0]["changes"] == ["signature.folded"]


def test_a_short_secret_of_a_sender_is_taken_with_a_warning(files: Shell) -> None:
    write(files, secret=b"hush")
    said = call(files, "sign", scheme="shopify")
    assert (said.code, "good for an example only" in said.err) == (0, True)
    assert call(files, "sign", scheme="github").code == 2


@pytest.mark.parametrize(
    "contents",
    [
        {"secret": b""},
        {"secret": b"\n \n"},
        {"secret": b"\xff\xfe" * 20},
        {"secret": b"whsec_ not base64 at all"},
        {"secret": b" " + SECRET.encode()},
        {"secret": b"x" * 70_000},
        {"headers": b"no colon\n"},
        {"headers": b"bad name: x\n"},
        {"headers": b": x\n"},
        {"headers": b"a: b\n" * 100_000},
    ],
)
def test_a_file_that_is_not_understood_is_bad_usage(files: Shell, contents: dict[str, bytes]) -> None:
    write(files, **contents)
    said = call(files, "verify")
    assert said.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert SECRET[8:] not in said.err


@pytest.mark.parametrize("name", ["secret", "headers", "body"])
def test_a_file_that_is_not_there_is_bad_usage(files: Shell, name: str) -> None:
    Path(name).unlink()
    said = call(files, "verify")
    assert said.code == 2
    assert name in said.err


def test_a_scheme_nobody_knows_is_bad_usage(files: Shell) -> None:
    said = call(files, "verify", scheme="nope")
    assert said.code == 2
    assert "shopify" in said.err


def test_a_scheme_that_signs_the_url_needs_it(files: Shell) -> None:
    write(files, headers=b"x-twilio-signature: RSOYDt4T1cUTdK1PDd93/VVr8B8=\n", secret=b"12345")
    assert call(files, "verify", scheme="twilio").code == 2


def test_no_secret_is_written_even_when_asked_to_explain(files: Shell) -> None:
    write(files, body=b"{}", secret=SECRET.encode())
    for command in ("verify", "explain"):
        for more in ((), ("--json",)):
            said = call(files, command, *more)
            assert SECRET[8:] not in said.out + said.err
            assert "g0hM9SsE" not in said.out + said.err


@pytest.mark.slow
def test_it_runs_as_a_process(files: Shell) -> None:
    done = files.process(
        "webhooks", "verify", "--scheme", "standard", "--secret-file", "secret", "--headers", "headers",
        "--body", "-", "--at", AT, "--json", typed=BODY.decode(),
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
