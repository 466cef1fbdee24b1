"""`doorward passwords`, whole commands on a real store."""

import asyncio
import time

from tests.fixtures_cli import Shell

from doorward.adapters.sql.open import open_sql
from doorward.methods.plane import UsageDelta
from doorward.values import CredentialId, MethodName
from doorward.wire.credential import has_valid_checksum

MEMBERS = {
    "id", "app_id", "app_name", "app_state", "organization_id", "name", "scopes", "state", "created_at", "expires_at",
    "last_used_at", "last_source", "use_count", "version",
}  # fmt: skip


def test_a_new_password_is_alone_on_stdout(shell: Shell, shop: str) -> None:
    said = shell.good("passwords", "create", "shop", "--scope", "orders:read")
    password = said.out.strip()
    assert said.out == password + "\n"
    assert has_valid_checksum(password)
    assert password not in said.err
    assert f"curl -u {shop} " in said.err


def test_for_programs(shell: Shell, shop: str) -> None:
    issued = shell.json("passwords", "create", shop, "--expires", "30d", "--name", "till")
    assert set(issued) == {"password", "user_id", "secret"}
    assert set(issued["password"]) == MEMBERS
    assert issued["user_id"] == shop
    password = issued["password"]
    assert password["expires_at"] - password["created_at"] == 30 * 86_400
    (listed,) = shell.good("passwords", "list", "--json").lines
    assert listed == password
    assert issued["secret"][-38:] not in shell.good("passwords", "list").out


def test_shapes_are_those_of_the_management_api() -> None:
    from doorward.server.management.models import PasswordView

    assert set(PasswordView.model_fields) == MEMBERS


def test_a_password_always_expires(shell: Shell, shop: str) -> None:
    never = shell("passwords", "create", shop, "--expires", "never")
    assert never.code == 2
    assert "always expires" in never.err
    assert shell("passwords", "create", shop, "--expires", "367d").code == 1


def test_disabling_enabling_revoking(shell: Shell, shop: str) -> None:
    password_id = shell.json("passwords", "create", shop)["password"]["id"]
    assert shell.json("passwords", "disable", password_id, "--because", "x")["state"] == "disabled"
    assert shell.json("passwords", "enable", password_id, "--because", "x")["state"] == "active"
    assert "no door any more" in shell.good("passwords", "revoke", password_id, "--because", "x").err
    assert shell("passwords", "enable", password_id, "--because", "x").code == 1
    assert shell("passwords", "revoke", password_id).code == 2


def test_usage_says_who_still_uses_basic_the_latest_first(shell: Shell, shop: str) -> None:
    assert shell.good("passwords", "usage").err == "Nobody has used Basic.\n"
    ids = [shell.json("passwords", "create", shop, "--name", name)["password"]["id"] for name in ("old", "new", "idle")]
    now = int(time.time())
    _count_use(shell, ids[0], at=now - 7_200, count=3, source="10.0.0.7")
    _count_use(shell, ids[1], at=now - 60, count=1_204, source="2001:db8::1")
    used = shell.good("passwords", "usage", "--json").lines
    assert [entry["password_id"] for entry in used] == [ids[1], ids[0]]
    assert used[0] == {
        "app_id": shop,
        "app_name": "shop",
        "password_id": ids[1],
        "password_name": "new",
        "state": "active",
        "last_used_at": now - 60,
        "last_source": "2001:db8::1",
        "use_count": 1_204,
        "expires_at": used[0]["expires_at"],
    }
    told = shell.good("passwords", "usage", "--app", "shop").out
    for expected in ("1,204", "2001:db8::1", "10.0.0.7", "2 h ago"):
        assert expected in told
    assert ids[2] not in told


def _count_use(shell: Shell, password_id: str, *, at: int, count: int, source: str) -> None:
    async def count_use() -> None:
        ports = open_sql(f"sqlite:///{shell.folder}/doorward.db", chain_key=None, clock=time.time)
        await ports.start()
        delta = UsageDelta(
            method=MethodName("basic"),
            credential_id=CredentialId(password_id),
            count=count,
            last_used_at=at,
            last_source=source,
        )
        await ports.usage.add_usage((delta,))
        await ports.aclose()

    asyncio.run(count_use())
