"""`doorward keys`, whole commands on a real store."""

import subprocess
import sys

import pytest
from tests.fixtures_cli import Shell, child_environment

from doorward.wire.credential import has_valid_checksum

MEMBERS = {
    "id", "prefix", "app_id", "app_name", "app_state", "organization_id", "name", "environment", "scopes", "networks",
    "rate", "state", "created_at", "expires_at", "rotated_from", "rotated_to", "last_used_at", "last_source",
    "use_count", "version", "metadata",
}  # fmt: skip


def _make(shell: Shell, *more: str) -> str:
    key_id: str = shell.json("keys", "create", "shop", *more)["key"]["id"]
    return key_id


def test_a_new_key_is_alone_on_stdout_and_told_about_beside(shell: Shell, shop: str) -> None:
    said = shell.good("keys", "create", "shop", "--name", "till", "--scope", "orders:read", "--scope", "orders:write")
    key = said.out.strip()
    assert said.out == key + "\n"
    assert has_valid_checksum(key)
    assert key.startswith("dw_live_")
    assert key not in said.err
    for told in ("shown this once", "orders:read orders:write", "in 90 days", "read -rs KEY", f"shop ({shop})"):
        assert told in said.err


def test_a_new_key_for_programs(shell: Shell, shop: str) -> None:
    issued = shell.json(
        "keys", "create", shop, "--test", "--expires", "never", "--network", "10.0.0.0/8", "--network", "2001:db8::/32",
        "--rate", "100/1m", "--metadata", "team=checkout", "--name", "till",
    )  # fmt: skip
    assert set(issued) == {"key", "secret"}
    key = issued["key"]
    assert set(key) == MEMBERS
    assert key["environment"] == "test"
    assert key["expires_at"] is None
    assert key["networks"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert key["rate"] == {"requests": 100, "window_s": 60}
    assert key["metadata"] == {"team": "checkout"}
    assert issued["secret"].startswith(f"dw_test_{key['id']}")


def test_shapes_are_those_of_the_management_api() -> None:
    from doorward.server.management.models import KeyView

    assert set(KeyView.model_fields) == MEMBERS


def test_lists_and_shows_never_tell_the_tail(shell: Shell, shop: str) -> None:
    issued = shell.json("keys", "create", shop, "--name", "till")
    key_id, tail = issued["key"]["id"], issued["secret"][-38:]
    for command in (("keys", "list"), ("keys", "list", "--app", "shop"), ("keys", "show", key_id), ("audit", "list")):
        for form in ((), ("--json",)):
            said = shell.good(*command, *form)
            assert key_id in said.out
            assert tail not in said.out + said.err
    assert f"dw_live_{key_id}" in shell.good("keys", "list").out


def test_a_list_of_one_app_and_page_by_page(shell: Shell, shop: str) -> None:
    ids = sorted(_make(shell) for _ in range(3))
    listed = [key["id"] for key in shell.good("keys", "list", "--app", shop, "--json").lines]
    assert listed == ids
    first = shell.good("keys", "list", "--app", shop, "--limit", "2", "--json")
    assert [key["id"] for key in first.lines] == ids[:2]
    assert f"--after {ids[1]}" in first.err
    rest = shell.good("keys", "list", "--app", shop, "--after", ids[1], "--json")
    assert [key["id"] for key in rest.lines] == ids[2:]


@pytest.mark.usefixtures("shop")
def test_the_life_of_a_key(shell: Shell) -> None:
    key_id = _make(shell, "--scope", "orders:read", "--rate", "5/1s")
    changed = shell.json(
        "keys", "change", key_id, "--scope", "a", "--scope", "b", "--network", "10.0.0.0/8", "--no-rate",
        "--name", "new name", "--because", "narrower",
    )  # fmt: skip
    assert (changed["scopes"], changed["networks"], changed["rate"]) == (["a", "b"], ["10.0.0.0/8"], None)
    cleared = shell.json("keys", "change", key_id, "--no-scopes", "--any-network", "--because", "nothing")
    assert (cleared["scopes"], cleared["networks"], cleared["name"]) == ([], [], "new name")
    assert shell.json("keys", "disable", key_id, "--because", "odd traffic")["state"] == "disabled"
    assert "disabled" in shell.good("keys", "show", key_id).out
    assert shell.json("keys", "enable", key_id, "--because", "explained")["state"] == "active"
    assert shell.json("keys", "revoke", f"dw_live_{key_id}", "--because", "done")["state"] == "revoked"
    refused = shell("keys", "enable", key_id, "--because", "please")
    assert refused.code == 1
    assert "(state_final)" in refused.err
    actions = [event["action"] for event in shell.good("audit", "list", "--credential", key_id, "--json").lines]
    assert actions == ["key.created", "key.changed", "key.changed", "key.disabled", "key.enabled", "key.revoked"]


@pytest.mark.usefixtures("shop")
def test_people_are_told_what_a_move_means(shell: Shell) -> None:
    key_id = _make(shell)
    assert "opens no door until `doorward keys enable`" in shell.good("keys", "disable", key_id, "--because", "x").err
    assert "It works again" in shell.good("keys", "enable", key_id, "--because", "x").err
    assert "no door any more" in shell.good("keys", "revoke", key_id, "--because", "x").err


@pytest.mark.usefixtures("shop")
def test_rotation_with_and_without_overlap(shell: Shell) -> None:
    first = _make(shell, "--scope", "orders:read")
    said = shell.good("keys", "rotate", first, "--overlap", "2h", "--because", "routine")
    assert has_valid_checksum(said.out.strip())
    assert "another 2h at most" in said.err
    old = shell.json("keys", "show", first)
    second = old["rotated_to"]
    assert old["state"] == "active"
    leaked = shell.json("keys", "rotate", second, "--overlap", "0", "--because", "leaked")
    assert leaked["key"]["rotated_from"] == second
    assert leaked["key"]["scopes"] == ["orders:read"]
    assert shell.json("keys", "show", second)["state"] == "revoked"


@pytest.mark.parametrize("action", ["disable", "enable", "revoke", "rotate", "change"])
def test_a_reason_must_be_said(shell: Shell, action: str) -> None:
    for reason in ((), ("--because", ""), ("--because", "  ")):
        said = shell("keys", action, "a1B2c3D4e5F6", *reason)
        assert said.code == 2
        assert "--because" in said.err


def test_what_is_not_there_and_what_is_wrong_is_said_in_one_line(shell: Shell, shop: str) -> None:
    cases = [
        (("keys", "show", "a1B2c3D4e5F6"), 1, "No key a1B2c3D4e5F6"),
        (("keys", "create", "nobody"), 1, "No app 'nobody'"),
        (("keys", "create", shop, "--network", "10.0.0.1/8"), 1, "(input_invalid)"),
        (("keys", "create", shop, "--scope", "two words"), 1, "(input_invalid)"),
        (("keys", "create", shop, "--expires", "soon"), 2, "no expiry"),
        (("keys", "create", shop, "--expires", "99999d"), 1, "(input_invalid)"),
        (("keys", "create", shop, "--rate", "many"), 2, "no rate limit"),
        (("keys", "show", "nonsense"), 2, "no id"),
        (("keys", "change", "a1B2c3D4e5F6", "--because", "x"), 2, "Say what to change"),
        (("keys", "change", "a1B2c3D4e5F6", "--rate", "1/1s", "--no-rate", "--because", "x"), 2, "contradict"),
        (("keys", "list", "--limit", "0"), 2, "--limit"),
        (("keys", "list", "--limit", "many"), 2, "--limit"),
    ]
    for arguments, code, told in cases:
        said = shell(*arguments)
        assert (said.code, said.out) == (code, ""), arguments
        assert told in said.err
        assert said.err.count("\n") == 1


def test_a_whole_key_is_never_an_argument(shell: Shell, shop: str) -> None:
    issued = shell.json("keys", "create", shop)
    for command in (("show",), ("revoke", "--because", "x")):
        said = shell("keys", command[0], issued["secret"], *command[1:])
        assert said.code == 2
        assert issued["key"]["id"] in said.err
        assert issued["secret"][-38:] not in said.err
    assert shell.json("keys", "show", issued["key"]["id"])["state"] == "active"


def test_no_option_of_any_command_takes_a_secret() -> None:
    script = (
        "import typer\n"
        "from doorward.cli.root import GROUPS, load_command\n"
        "def tell(command):\n"
        "    print(' '.join(opt for param in command.params for opt in param.opts))\n"
        "    for inner in getattr(command, 'commands', {}).values():\n"
        "        tell(inner)\n"
        "for name in GROUPS:\n"
        "    tell(load_command(name))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=50, env=child_environment()
    ).stdout.split()
    assert "--because" in shown
    words = ("secret", "password", "token", "key")
    # Ids, and files: `revoke --token` takes an id and refuses a whole token, `signatures --keys` is a file.
    allowed = {
        "--tls-key",
        "key_id",
        "password_id",
        "secret_id",
        "--key-id",
        "--key-prefix",
        "--token",
        "--signing-key",
        "--keys",
        "--other-keys",
        "--key",
        "--public-key",
    }
    named = [option for option in shown if any(word in option for word in words) and not option.endswith("-file")]
    assert [option for option in named if option not in allowed] == []
