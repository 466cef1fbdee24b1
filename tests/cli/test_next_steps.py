"""What an error says to do next, and what of the command line it does not repeat."""

import pytest
from tests.fixtures_cli import Shell
from tests.simulators.stored_signature_keys import public_pem

from doorward.cli.next_steps import find_next_step, without_arguments

SECRET = "whsec_" + "a1B2c3D4" * 4
UNKNOWN = "a1B2c3D4e5F6"
BECAUSE = ("--because", "x")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("signatures", "keys", "revoke", f"sig_{UNKNOWN}"), "doorward signatures keys list"),
        (("signatures", "keys", "rotate", f"sig_{UNKNOWN}"), "doorward signatures keys list"),
        (("keys", "revoke", UNKNOWN), "doorward keys list"),
        (("passwords", "revoke", UNKNOWN), "doorward passwords list"),
    ],
)
def test_an_id_that_is_not_there_is_answered_with_the_list(shell: Shell, words: tuple[str, ...], told: str) -> None:
    said = shell(*words, *BECAUSE)
    assert (said.code, said.out) == (1, "")
    assert f"`{told}` shows them" in said.err


def test_a_key_that_was_rotated_names_its_successor(shell: Shell, shop: str) -> None:
    (shell.folder / "shop.pem").write_bytes(public_pem("P-256"))
    for made, rotate in (
        (("signatures", "keys", "create", shop), ("signatures", "keys", "rotate")),
        (("keys", "create", shop), ("keys", "rotate")),
    ):
        first = shell.json(*made)["key"]["id"]
        successor = shell.json(*rotate, first, *BECAUSE)["key"]["id"]
        said = shell(*rotate, first, *BECAUSE)
        assert said.code == 1
        assert f"{successor}. Rotate that one, its successor." in said.err


def test_a_key_that_is_revoked_is_followed_by_a_new_one(shell: Shell, shop: str) -> None:
    key_id = shell.json("signatures", "keys", "create", shop)["key"]["id"]
    shell.good("signatures", "keys", "revoke", key_id, *BECAUSE)
    assert "Create a new one." in shell("signatures", "keys", "rotate", key_id, *BECAUSE).err


def test_what_says_its_step_itself_gets_no_other() -> None:
    assert find_next_step("no app 'x'; `doorward apps list` shows them") is None
    assert find_next_step(None) is None


@pytest.mark.parametrize(
    "words",
    [
        ("webhooks", "secrets", "add", "billing", SECRET),
        ("webhooks", "secrets", "rotate", "billing", "short"),
        ("webhooks", "secrets", SECRET),
        ("webhooks", "verify", SECRET),
        ("keys", "list", SECRET),
    ],
)
def test_a_secret_on_the_command_line_is_not_written_again(shell: Shell, words: tuple[str, ...]) -> None:
    said = shell(*words)
    assert (said.code, said.out) == (2, "")
    assert words[-1] not in said.err
    assert "history" in said.err


def test_what_cannot_be_a_secret_is_named(shell: Shell) -> None:
    assert "(shop)" in shell("keys", "list", "shop").err
    assert without_arguments("Missing option '--x'.", takes_secrets=True) == "Missing option '--x'."
    assert "history" not in without_arguments("No such command 'lst'. Did you mean 'list'?", takes_secrets=False)


@pytest.mark.parametrize("secret", [SECRET, "x" * 300, "a/b+c/" + "d" * 26 + "="])
def test_a_secret_in_place_of_its_file_is_not_written_again(shell: Shell, secret: str) -> None:
    shell.good("webhooks", "senders", "add", "billing", "--scheme", "stripe")
    (shell.folder / "body").write_bytes(b"")
    for words in (
        ("webhooks", "secrets", "add", "billing", "--secret-file", secret),
        ("webhooks", "sign", "--scheme", "stripe", "--body", "body", "--secret-file", secret),
    ):
        said = shell(*words)
        assert (said.code, said.out) == (2, ""), said.err
        assert secret not in said.err
        assert "history" in said.err


def test_standard_input_without_a_secret_is_said_to_hold_none(shell: Shell) -> None:
    shell.good("webhooks", "senders", "add", "billing", "--scheme", "stripe")
    said = shell("webhooks", "secrets", "add", "billing", "--secret-file", "-", typed="\n")
    assert (said.code, "Standard input holds no secret" in said.err) == (2, True)
