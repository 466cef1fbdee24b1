"""`doorward signatures verify` and `explain` with the keys of the store's apps."""

import json
import sqlite3
from typing import Any

import pytest
from tests.fixtures_cli import Shell

REQUEST = (
    "POST /orders?id=7 HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\n"
    'Content-Length: 14\r\n\r\n{"amount":100}'
)


@pytest.fixture
def key_id(shell: Shell, shop: str) -> str:
    """A key of the shop, with which `signed.http` was signed now."""
    made: str = shell.json("signatures", "keys", "create", shop, "--jwk-file", "shop.jwk")["key"]["id"]
    sign(shell, "shop.jwk")
    return made


def sign(shell: Shell, keys: str) -> None:
    (shell.folder / "request.http").write_text(REQUEST, newline="")
    lines = shell.good("signatures", "sign", "--keys", keys, "--request", "request.http").out
    head, body = REQUEST.split("\r\n\r\n")
    (shell.folder / "signed.http").write_text(head + "\r\n" + lines.replace("\n", "\r\n") + "\r\n" + body, newline="")


def change(shell: Shell, old: str, new: str) -> None:
    file = shell.folder / "signed.http"
    file.write_bytes(file.read_bytes().replace(old.encode(), new.encode()))


def verify(shell: Shell, *more: str) -> Any:
    said = shell("signatures", "verify", "--stored", "--request", "signed.http", "--json", *more)
    assert (said.code == 0) == said.lines[0]["ok"], said.err
    return said.lines[0]


def explain(shell: Shell, *more: str) -> Any:
    return shell("signatures", "explain", "--stored", "--request", "signed.http", "--json", *more).lines[0]


def test_a_request_is_verified_with_the_key_it_names(shell: Shell, key_id: str) -> None:
    assert verify(shell) == {"ok": True, "key": key_id}
    change(shell, '{"amount":100}', '{"amount":999}')
    assert verify(shell)["code"] == "signature_digest"
    change(shell, key_id, "sig_000000000000")
    assert verify(shell)["code"] == "signature_key_unknown"


def test_a_key_that_may_not_be_used_verifies_nothing(shell: Shell, key_id: str) -> None:
    shell.good("signatures", "keys", "disable", key_id, "--because", "r")
    assert verify(shell)["code"] == "credential_disabled"
    shell.good("signatures", "keys", "enable", key_id, "--because", "r")
    shell.good("apps", "suspend", "shop", "--because", "r")
    assert verify(shell)["code"] == "app_suspended"
    shell.good("apps", "resume", "shop", "--because", "r")
    assert verify(shell)["ok"]
    shell.good("signatures", "keys", "revoke", key_id, "--because", "r")
    assert verify(shell)["code"] == "signature_key_unknown"


def test_a_key_ends_with_its_expiry(shell: Shell, shop: str) -> None:
    key = shell.json("signatures", "keys", "create", shop, "--jwk-file", "shop.jwk", "--expires", "1m")["key"]
    sign(shell, "shop.jwk")
    assert verify(shell)["ok"]
    assert verify(shell, "--at", str(key["expires_at"]))["code"] == "credential_expired"


def test_a_request_is_explained_with_the_keys_of_the_store(shell: Shell, key_id: str) -> None:
    assert explain(shell)["ok"]
    change(shell, "/orders", "/v1/orders")
    (finding,) = explain(shell)["findings"]
    assert (finding["changes"], finding["key"], finding["proven"]) == (["target.path"], key_id, True)


def test_the_key_of_another_app_and_one_that_is_disabled_are_found(shell: Shell, key_id: str) -> None:
    other = shell.json("signatures", "keys", "create", "shop")["key"]["id"]
    jwk = shell.folder / "shop.jwk"
    (shell.folder / "mixed.jwk").write_text(jwk.read_text().replace(key_id, other))
    sign(shell, "mixed.jwk")
    (finding,) = explain(shell)["findings"]
    assert (finding["changes"], finding["key"]) == (["key.other"], key_id)
    sign(shell, "shop.jwk")
    shell.good("signatures", "keys", "disable", key_id, "--because", "r")
    assert explain(shell)["findings"][0]["changes"] == ["key.retired"]


def test_a_key_that_does_not_open_is_told_by_its_id(shell: Shell, key_id: str) -> None:
    (database,) = shell.folder.rglob("doorward.db")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE signature_keys SET sealed_secret = ?", (b"\x02k1" + bytes(60),))
    said = verify(shell)
    assert said["code"] == "keys_unavailable"
    assert key_id in said["detail"]
    assert json.loads((shell.folder / "shop.jwk").read_text())["k"] not in json.dumps(said)


@pytest.mark.parametrize("command", ["verify", "explain"])
@pytest.mark.usefixtures("key_id")
def test_keys_come_from_one_place(shell: Shell, command: str) -> None:
    both = shell("signatures", command, "--stored", "--keys", "shop.jwk", "--request", "signed.http")
    assert (both.code, both.out) == (2, "")
    assert "--keys with a file, or --stored" in both.err
    neither = shell("signatures", "verify", "--request", "signed.http")
    assert (neither.code, "--keys with a file, or --stored" in neither.err) == (2, True)
