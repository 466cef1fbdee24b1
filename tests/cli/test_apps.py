"""`doorward apps`, whole commands on a real store."""

import json
import sqlite3

import pytest
from tests.fixtures_cli import Shell

MEMBERS = {"id", "name", "organization_id", "state", "created_at", "version", "metadata"}


def test_an_app_is_made_listed_and_shown(shell: Shell) -> None:
    made = shell.json("apps", "create", "shop", "--organization", "acme", "--metadata", "team=web")
    assert set(made) == MEMBERS
    assert shell.json("apps", "show", "shop") == made
    assert shell.json("apps", "show", made["id"]) == made
    assert [app["id"] for app in shell.good("apps", "list", "--organization", "acme", "--json").lines] == [made["id"]]
    listed = shell.good("apps", "list").out
    assert made["id"] in listed
    assert "acme" in listed


def test_shapes_are_those_of_the_management_api() -> None:
    from doorward.server.management.models import AppView

    assert set(AppView.model_fields) == MEMBERS


def test_people_are_told_what_comes_next(shell: Shell) -> None:
    said = shell.good("apps", "create", "shop")
    assert "doorward keys create app_" in said.err


@pytest.mark.usefixtures("shop")
def test_suspending_resuming_revoking(shell: Shell) -> None:
    shell.good("keys", "create", "shop")
    assert shell.json("apps", "suspend", "shop", "--because", "unpaid")["state"] == "suspended"
    assert "app suspended" in shell.good("keys", "list", "--app", "shop").out
    assert shell.json("apps", "resume", "shop", "--because", "paid")["state"] == "active"
    assert "opens a door any more" in shell.good("apps", "revoke", "shop", "--because", "gone").err
    refused = shell("apps", "resume", "shop", "--because", "back")
    assert refused.code == 1
    assert "(state_final)" in refused.err


def test_refusals(shell: Shell, shop: str) -> None:
    for arguments, code, told in (
        (("apps", "create", "shop"), 1, "(object_exists)"),
        (("apps", "create", ""), 1, "(input_invalid)"),
        (("apps", "create", "x" * 101), 1, "(input_invalid)"),
        (("apps", "show", "nobody"), 1, "No app 'nobody'"),
        (("apps", "revoke", shop), 2, "--because"),
        (("apps", "create", "other", "--metadata", "team"), 2, "name=value"),
    ):
        said = shell(*arguments)
        assert (said.code, said.out) == (code, ""), arguments
        assert told in said.err
        assert "CONSTRAINT" not in said.err.upper()


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "a\nb", "\u202elive", "nul\x00"])
def test_a_name_that_would_steer_a_terminal_is_refused_without_doing_it(shell: Shell, name: str) -> None:
    said = shell("apps", "create", name)
    assert said.code == 1
    assert name not in said.err
    assert "\x1b" not in said.err


def test_a_hostile_name_that_got_into_the_database_is_shown_as_its_escapes(shell: Shell, shop: str) -> None:
    key_id = shell.json("keys", "create", shop)["key"]["id"]
    evil = "\x1b]0;owned\x07\x1b[2J[red]shop[/red]\u202e\x9b31m"
    connection = sqlite3.connect(shell.folder / "doorward.db")
    with connection:
        connection.execute("UPDATE apps SET name = ? WHERE id = ?", (evil, shop))
        connection.execute("UPDATE api_keys SET name = ?, metadata = ?", (evil, json.dumps({"note": evil})))
    connection.close()
    for command in (("apps", "list"), ("apps", "show", shop), ("keys", "list"), ("keys", "show", key_id)):
        for form in ((), ("--json",)):
            said = shell.good(*command, *form)
            for forbidden in ("\x1b", "\x07", "\u202e", "\x9b"):
                assert forbidden not in said.out + said.err
    assert r"\x1b]0;owned\x07\x1b[2J[red]shop[/red]\u202e\x9b31m" in shell.good("apps", "show", shop).out
    assert shell.json("apps", "show", shop)["name"] == evil
