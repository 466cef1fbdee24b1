"""The server as it runs: a process, a socket, a signal."""

import asyncio
import json
import socket
import ssl
import time
from pathlib import Path

import httpx2
import pytest
from tests.app.certificates import write_certificate
from tests.app.conftest import Eventually, Start

from doorward.app.maintenance import upgrade
from doorward.app.store import open_store

pytestmark = pytest.mark.slow


async def test_dev_needs_nothing_and_hands_out_one_administrator(start: Start, tmp_path: Path) -> None:
    served = await start(dev="true")
    assert served.admin.startswith("dw_live_")
    assert (await served.client.get("/healthz")).json() == {"status": "alive"}
    assert (await served.client.get("/readyz")).json() == {"status": "ready"}
    made = await served.ask("POST", "/apps", key=served.admin, body={"name": "orders"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert "server" not in made.headers
    assert (await served.client.get("/api/docs")).status_code == 200
    assert (await served.client.get("/api/openapi.json")).json()["info"]["title"] == "Doorward management API"
    folder = tmp_path / ".doorward"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, folder / "master.key", folder / "doorward.db"))
    written = await served.stop()
    assert served.process.returncode == 0
    assert served.admin not in written
    assert all(json.loads(line) for line in written.splitlines())
    again = await start(dev="true")
    assert again.admin is None


async def test_dev_is_not_to_be_reached_under_another_name(start: Start) -> None:
    served = await start(dev="true")
    for path in ("/healthz", "/api/v1/apps", "/api/docs"):
        answer = await served.client.get(path, headers={"host": "attacker.example"})
        assert (answer.status_code, answer.json()["code"]) == (421, "host_refused")
    port = served.url.rpartition(":")[2]
    assert (await served.client.get("/healthz", headers={"host": f"localhost:{port}"})).status_code == 200
    refused = await served.client.post(
        "/api/v1/apps",
        json={"name": "x"},
        headers={"authorization": f"Bearer {served.admin}", "origin": "http://attacker.example"},
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_refused")


async def test_metrics_have_a_listener_of_their_own(start: Start) -> None:
    served = await start(dev="true")
    await served.ask("GET", "/apps", key=served.admin)
    await served.ask("GET", "/apps", key="dw_live_" + "0" * 50)
    assert (await served.client.get("/metrics")).status_code in {403, 404}
    async with httpx2.AsyncClient(trust_env=False) as client:
        text = (await client.get(served.metrics)).text
        renamed = await client.get(served.metrics, headers={"host": "attacker.example"})
    assert (renamed.status_code, renamed.json()["code"]) == (421, "host_refused")
    assert 'doorward_verifications_total{code="admitted",method="apikey"} 1.0' in text
    assert "doorward_feed_age_seconds" in text
    assert served.admin not in text


async def test_sigterm_loses_nothing_that_was_counted(start: Start, tmp_path: Path) -> None:
    served = await start(dev="true")
    for _ in range(7):
        assert (await served.ask("GET", "/apps", key=served.admin)).status_code == 200
    await served.stop()
    assert served.process.returncode == 0
    async with open_store(f"sqlite:///{tmp_path}/.doorward/doorward.db") as store:
        (key,) = await store.keys.list_keys()
    assert (key.use_count, key.last_source) == (7, "127.0.0.1")
    logged = [line for path in (tmp_path / ".doorward/audit").iterdir() for line in path.read_text().splitlines()]
    assert sum(key.id in line for line in logged) >= 7
    assert not any(served.admin in line for line in logged)


async def test_tls_is_served(start: Start, tmp_path: Path, sqlite_url: str) -> None:
    certificate, key = write_certificate(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "doorward.db").chmod(0o600)
    (tmp_path / "audit").mkdir()
    master_key = tmp_path / "keys" / "master.key"
    _make_master_key(master_key)
    trust = ssl.create_default_context(cafile=str(certificate))
    served = await start(
        verify=trust,
        database_url=sqlite_url,
        master_key_file=str(master_key),
        audit_log_dir=str(tmp_path / "audit"),
        tls_certificate_file=str(certificate),
        tls_key_file=str(key),
        public_url="https://127.0.0.1",
    )
    assert served.url.startswith("https://127.0.0.1:")
    assert (await served.client.get("/readyz")).status_code == 200
    assert (await served.client.get("/api/openapi.json")).status_code == 401
    assert (await served.client.get("/api/v1/apps", headers={"host": "other.example"})).status_code == 421


async def test_what_is_unsafe_does_not_start(start: Start, tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(RuntimeError, match="neither TLS nor a listed proxy") as caught:
        await start(database_url=f"sqlite:///{tmp_path}/x.db")
    assert "no master key" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    with pytest.raises(RuntimeError, match="--dev listens on"):
        await start(dev="true", listen_host="0.0.0.0")  # noqa: S104  # an address to refuse
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(RuntimeError, match="Choose another listen_port"),
    ):
        await start(dev="true", listen_port=str(taken.getsockname()[1]))


async def test_the_wrong_master_key_does_not_start(start: Start, tmp_path: Path) -> None:
    await (await start(dev="true")).stop()
    key_file = tmp_path / ".doorward" / "master.key"
    key_file.unlink()
    _make_master_key(key_file)
    with pytest.raises(RuntimeError, match="not the one this database was set up with"):
        await start(dev="true")


async def test_a_request_under_way_is_finished(start: Start, eventually: Eventually) -> None:
    served = await start(dev="true")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    body = b'{"name": "late"}'
    head = f"POST /api/v1/apps HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.admin}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    await writer.drain()

    async def is_counted() -> bool:
        async with httpx2.AsyncClient(trust_env=False) as client:
            return 'code="admitted"' in (await client.get(served.metrics)).text

    await eventually(is_counted)
    stopping = asyncio.create_task(served.stop())
    await asyncio.sleep(0)
    writer.write(body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 201")
    began = time.monotonic()
    await stopping
    assert time.monotonic() - began < 10


def _make_master_key(path: Path) -> None:
    import secrets

    from doorward.app.master_key import create_master_key_file

    create_master_key_file(path, entropy=secrets.token_bytes)
