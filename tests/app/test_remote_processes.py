"""An issuer and two verifiers without a database, each a process: what is revoked is refused, whatever breaks."""

import asyncio
import base64
import json
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, final

import httpx2
import pytest
from tests.app.conftest import ROOT, Eventually, Served, Start
from tests.fixtures_cli import child_environment
from tests.simulators.wire import Wire, wire_to

from doorward.app.master_key import load_master_keys
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.apps.port import AppRecord
from doorward.methods.apikey.operations import create_key, revoke_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.bearer.operations import issue_access_token
from doorward.methods.token_order import TokenOrder
from doorward.revocation.operations import revoke_subject, revoke_token
from doorward.revocation.sectors import register_sector
from doorward.values import Actor, Change, CredentialId, FeedKind, Handle, Revocation, Scopes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

OPERATOR = Actor(kind="operator", id="test")
CUT_S = 10.0
AUDIENCE = "https://api.example"


@final
class Verifier:
    """One running verifier."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self._client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    async def ask(self, *sessions: str) -> tuple[int, Any]:  # Any: JSON
        answer = await self._client.get("/", params=[("session", each) for each in sessions])
        return answer.status_code, answer.json()

    async def refuses(self, *sessions: str) -> bool:
        """Whether it is ready and refuses them all."""
        status, body = await self.ask(*sessions)
        return status == 200 and body["revoked"] == list(sessions)

    async def present(self, token: str) -> tuple[int, Any]:  # Any: JSON
        """Ask for orders with a token, as a caller does."""
        answer = await self._client.get("/orders", headers={"authorization": f"Bearer {token}"})
        return answer.status_code, answer.json()

    async def turns_away(self, token: str) -> bool:
        """Whether the token is refused, and for the reason that counts."""
        status, body = await self.present(token)
        return status == 401 and body["code"] == "credential_revoked"

    async def end(self, number: int = signal.SIGTERM) -> None:
        await self._client.aclose()
        if self.process.returncode is None:
            self.process.send_signal(number)
            await asyncio.wait_for(self.process.communicate(), 20)


@final
class Issuer:
    """The issuer's database, changed beside its server as the command line does, and its verifiers."""

    def __init__(self, folder: Path, name: str, store: Store, app: AppRecord, offset_s: list[float]) -> None:
        self.folder = folder
        self.name = name
        self._offset_s = offset_s
        self.store = store
        self.app = app
        self.verifiers: list[Verifier] = []

    async def revoke(self, *sessions: str) -> None:
        rows = tuple(Revocation(handle=Handle(FeedKind.SESSION, each), leave_at=None) for each in sessions)
        await self.store.changes.commit(Change(revocations=rows))

    def set_clock(self, offset_s: float) -> None:
        """Its clock is so many seconds ahead of that of the verifiers."""
        self._offset_s[0] = offset_s

    async def token(self, subject: str, **said: Any) -> str:  # Any: fields of a `TokenOrder`
        order = TokenOrder(client_id="web", audience=(AUDIENCE,), subject=subject, **said)
        return (await issue_access_token(self.store, order)).text

    async def key(self, name: str, audience: str = AUDIENCE) -> tuple[CredentialId, Path]:
        order = KeyOrder(
            app_id=self.app.id, name=name, scopes=Scopes("doorward:revocations:read"), metadata={"audience": audience}
        )
        issued = await create_key(self.store, order, actor=OPERATOR)
        path = self.folder / f"{name}.key"
        path.touch(0o600)
        path.write_text(issued.text)
        return issued.record.id, path

    async def verifier(self, wire: Wire, key_file: Path, **said: str) -> Verifier:
        given = {"url": f"http://127.0.0.1:{wire.port}", "key_file": str(key_file)}
        given |= {"issuer": self.name, "audience": AUDIENCE, **said}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.app.remote_verifier",
            *(f"{name}={value}" for name, value in given.items()),
            cwd=ROOT,
            env=child_environment(),
            stdout=PIPE,
        )
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        verifier = Verifier(process, int(line))
        self.verifiers.append(verifier)
        return verifier


StartIssuer = Callable[[], Coroutine[Any, Any, Served]]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _name_at(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def start_issuer(start: Start, port: int) -> StartIssuer:
    """Start its server, always at the same port."""

    async def _start() -> Served:
        return await start(
            dev="true", listen_port=str(port), issuer=_name_at(port), max_staleness_s="5", shutdown_grace_s="20"
        )

    return _start


@pytest.fixture
async def served(start_issuer: StartIssuer) -> Served:
    return await start_issuer()


@pytest.fixture
async def issuer(served: Served, port: int, tmp_path: Path) -> AsyncIterator[Issuer]:
    assert served.url
    offset_s = [0.0]
    keys = load_master_keys(tmp_path / ".doorward" / "master.key", None, entropy=secrets.token_bytes)
    url = f"sqlite:///{tmp_path}/.doorward/doorward.db"
    store = open_store(url, master_keys=keys, issuer=_name_at(port), clock=lambda: time.time() + offset_s[0])
    async with store:
        app = await create_app(store, name="verifiers", actor=OPERATOR)
        found = Issuer(tmp_path, _name_at(port), store, app, offset_s)
        yield found
        for verifier in found.verifiers:
            await verifier.end(signal.SIGKILL)


@pytest.fixture
async def wire(served: Served, port: int) -> AsyncIterator[Wire]:
    assert served.url
    async with wire_to(port) as laid:
        yield laid


async def test_what_is_revoked_is_refused_at_both_verifiers_at_once(
    issuer: Issuer, wire: Wire, eventually: Eventually
) -> None:
    await issuer.revoke("before")
    one = await issuer.verifier(wire, (await issuer.key("one"))[1])
    other = await issuer.verifier(wire, (await issuer.key("other"))[1])
    assert await one.refuses("before")
    assert await other.refuses("before")
    assert (await one.ask("fresh"))[1]["revoked"] == []
    await issuer.revoke("now")
    for verifier in (one, other):
        await eventually(lambda verifier=verifier: verifier.refuses("now"))


async def test_a_wire_that_is_cut_for_ten_seconds_loses_nothing(
    issuer: Issuer, wire: Wire, eventually: Eventually
) -> None:
    one = await issuer.verifier(wire, (await issuer.key("one"))[1])
    other = await issuer.verifier(wire, (await issuer.key("other"))[1])
    assert await one.refuses()
    assert await other.refuses()
    wire.cut()
    missed: list[str] = []
    until = time.monotonic() + CUT_S
    while time.monotonic() < until:
        missed.append(f"s{len(missed)}")
        await issuer.revoke(missed[-1])
        # Cut off, and within what it may be old: it goes on.
        assert (await one.ask(missed[-1]))[1]["revoked"] == []
        await asyncio.sleep(0.1)
    wire.mend()
    for verifier in (one, other):
        took = await eventually(lambda verifier=verifier: verifier.refuses(*missed), deadline_s=8)
        assert took < 8
    # Pushed again as well.
    await issuer.revoke("afterwards")
    await eventually(lambda: one.refuses("afterwards"))


async def test_a_restart_is_right_at_once_or_not_ready(
    issuer: Issuer, wire: Wire, served: Served, start_issuer: StartIssuer, eventually: Eventually, tmp_path: Path
) -> None:
    (_, key_file), saved_in = await issuer.key("one"), str(tmp_path / "views")
    token, taken_back = await issuer.token("alice"), await issuer.token("bob")
    verifier = await issuer.verifier(wire, key_file, saved_in=saved_in)
    assert (await verifier.present(token))[0] == 200
    await revoke_subject(issuer.store, "bob", reason="test", actor=OPERATOR)
    await issuer.revoke("early")
    await eventually(lambda: verifier.refuses("early"))
    # With its issuer there: what was revoked meanwhile is known before the first answer.
    await verifier.end(signal.SIGKILL)
    await issuer.revoke("meanwhile")
    verifier = await issuer.verifier(wire, key_file, saved_in=saved_in)
    assert await verifier.refuses("early", "meanwhile")
    assert (await verifier.ask("fresh"))[1]["revoked"] == []
    await eventually(lambda: _is_saved(Path(saved_in)))
    # With its issuer away: by what is on the disk.
    await served.stop(signal.SIGKILL)
    await verifier.end(signal.SIGKILL)
    verifier = await issuer.verifier(wire, key_file, saved_in=saved_in)
    assert await verifier.refuses("early", "meanwhile")
    assert (await verifier.ask("fresh"))[1]["revoked"] == []
    assert (await verifier.present(token))[0] == 200, "its keys are there as well"
    assert await verifier.turns_away(taken_back)
    without = await issuer.verifier(wire, key_file)
    assert (await without.ask("early"))[0] == 503
    await issuer.revoke("while away")
    await start_issuer()
    for each in (verifier, without):
        await eventually(lambda each=each: each.refuses("early", "meanwhile", "while away"), deadline_s=10)


async def _is_saved(folder: Path) -> bool:
    return await asyncio.to_thread(_holds, folder)


def _holds(folder: Path) -> bool:
    return any(b"meanwhile" in path.read_bytes() for path in folder.glob("*/journal-*"))


async def test_an_issuer_that_is_away_is_believed_until_the_stated_age(
    issuer: Issuer, wire: Wire, served: Served, start_issuer: StartIssuer, eventually: Eventually
) -> None:
    (_, key_file) = await issuer.key("one")
    await issuer.revoke("early")
    strict = await issuer.verifier(wire, key_file, max_staleness_s="3")
    lenient = await issuer.verifier(wire, key_file, max_staleness_s="3", accept_stale="yes")
    assert await strict.refuses("early")
    assert await lenient.refuses("early")
    await served.stop(signal.SIGKILL)
    gone_at = time.monotonic()
    assert await strict.refuses("early")

    async def is_stale() -> bool:
        status, body = await strict.ask("early")
        if status == 200:
            assert body["age_s"] <= 3.5
        return status == 503 and body["code"] == "revocation_stale"

    await eventually(is_stale, deadline_s=10)
    assert time.monotonic() - gone_at > 1
    assert await lenient.refuses("early")
    await start_issuer()
    await eventually(lambda: strict.refuses("early"), deadline_s=10)


async def test_a_verifier_whose_key_is_revoked_is_cut_off(issuer: Issuer, wire: Wire, eventually: Eventually) -> None:
    key_id, key_file = await issuer.key("one")
    verifier = await issuer.verifier(wire, key_file, max_staleness_s="2")
    assert await verifier.refuses()
    await revoke_key(issuer.store, key_id, reason="lost", actor=OPERATOR)
    await issuer.revoke("later")

    async def is_cut_off() -> bool:
        status, body = await verifier.ask("later")
        assert status == 503 or body["revoked"] == []
        return status == 503

    await eventually(is_cut_off, deadline_s=10)
    # A new key in the same place, and it is back: keys may be rotated without a restart.
    _, fresh = await issuer.key("fresh")
    fresh.replace(key_file)
    await eventually(lambda: verifier.refuses("later"), deadline_s=10)


async def test_streams_do_not_hold_up_the_end_of_the_server(issuer: Issuer, wire: Wire, served: Served) -> None:
    verifier = await issuer.verifier(wire, (await issuer.key("one"))[1])
    assert await verifier.refuses()
    await issuer.revoke("now")
    began = time.monotonic()
    await served.stop()
    assert time.monotonic() - began < 5
    assert served.process.returncode == 0


async def test_a_token_opens_both_doors_until_it_is_revoked_and_a_new_sign_in_opens_them_again(
    issuer: Issuer, wire: Wire, eventually: Eventually
) -> None:
    one = await issuer.verifier(wire, (await issuer.key("one"))[1])
    other = await issuer.verifier(wire, (await issuer.key("other"))[1])
    alice, twice, bob = await issuer.token("alice"), await issuer.token("alice"), await issuer.token("bob")
    for verifier in (one, other):
        for token in (alice, twice, bob):
            assert (await verifier.present(token))[0] == 200
    token_id = await _jti(alice)
    await revoke_token(issuer.store, token_id, audience=AUDIENCE, reason="leaked", actor=OPERATOR)
    for verifier in (one, other):
        await eventually(lambda verifier=verifier: verifier.turns_away(alice))
        assert (await verifier.present(twice))[0] == 200
    await revoke_subject(issuer.store, "alice", reason="phone stolen", actor=OPERATOR)
    again = await issuer.token("alice")
    for verifier in (one, other):
        await eventually(lambda verifier=verifier: verifier.turns_away(twice))
        assert (await verifier.present(bob))[0] == 200
        assert await verifier.present(again) == (200, {"subject": "alice"})


async def _jti(token: str) -> str:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["jti"])


@pytest.mark.parametrize("offset_s", [5.0, -5.0])
async def test_a_clock_that_is_off_saves_no_revoked_token_and_stops_no_fresh_sign_in(
    issuer: Issuer, wire: Wire, eventually: Eventually, offset_s: float
) -> None:
    issuer.set_clock(offset_s)
    verifier = await issuer.verifier(wire, (await issuer.key("one"))[1])
    before = await issuer.token("alice")
    assert (await verifier.present(before))[0] == 200
    # Each within the same second as the other: only the order can tell them apart.
    await revoke_subject(issuer.store, "alice", reason="phone stolen", actor=OPERATOR)
    after = await issuer.token("alice")
    await eventually(lambda: verifier.turns_away(before))
    assert (await verifier.present(after))[0] == 200
    await revoke_subject(issuer.store, "alice", reason="again", actor=OPERATOR)
    last = await issuer.token("alice")
    await eventually(lambda: verifier.turns_away(after))
    assert (await verifier.present(last))[0] == 200
    assert await verifier.turns_away(before)


async def test_a_subject_known_by_a_derived_name_is_revoked_there_too(
    issuer: Issuer, wire: Wire, eventually: Eventually
) -> None:
    await register_sector(issuer.store, AUDIENCE, actor=OPERATOR)
    verifier = await issuer.verifier(wire, (await issuer.key("one"))[1])
    alice, bob = await issuer.token("alice"), await issuer.token("bob")
    status, body = await verifier.present(alice)
    assert status == 200
    assert "alice" not in body["subject"]
    await revoke_subject(issuer.store, "alice", reason="phone stolen", actor=OPERATOR)
    await eventually(lambda: verifier.turns_away(alice))
    assert (await verifier.present(bob))[0] == 200
    assert (await verifier.present(await issuer.token("alice")))[0] == 200
