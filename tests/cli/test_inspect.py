"""Saying what a credential is, offline."""

import io
import json
import secrets

import pytest

from doorward.cli.entry import run
from doorward.wire.credential import mint_credential_text


def _type(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.parametrize(
    ("label", "kind", "environment"),
    [("live", "API key", "live"), ("test", "API key", "test"), ("pass", "app password", None)],
)
def test_a_credential_is_told_by_its_public_part(
    label: str, kind: str, environment: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = mint_credential_text(prefix="shop2", label=label, entropy=secrets.token_bytes)
    _type(monkeypatch, minted.text + "\n")
    assert run(["keys", "inspect", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "id": minted.id,
        "prefix": "shop2",
        "kind": kind,
        "environment": environment,
        "checksum": "fits",
    }
    assert minted.text[-38:] not in told.out + told.err


def test_a_person_reads_the_same(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    minted = mint_credential_text(prefix="dw", label="live", entropy=secrets.token_bytes)
    _type(monkeypatch, minted.text)
    assert run(["keys", "inspect"]) == 0
    told = capsys.readouterr()
    assert "live API key" in told.out
    assert minted.id in told.out
    assert minted.text[-38:] not in told.out + told.err


@pytest.mark.parametrize("form", ["{0:.57}", "y{0}", "{0:.57}_", "", "{0}{0}{0}", "{0}\x00"])
def test_a_look_alike_is_refused_and_not_repeated(
    form: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = mint_credential_text(prefix="dw", label="live", entropy=secrets.token_bytes).text
    _type(monkeypatch, form.format(text))
    assert run(["keys", "inspect"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert text[20:40] not in told.err
    assert "does not fit" in told.err
