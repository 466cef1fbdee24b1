"""The keyring of a store: library mode, the master key's rotation and loss, and the page a server shows."""

import asyncio
import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest
from tests.app.conftest import Start
from tests.simulators.clock import ManualClock
from tests.simulators.ring import ISSUER, SimulatedKms, policy_of

from doorward.app.master_key import (
    create_master_key_file,
    load_master_keys,
    record_rotation,
    replace_lost_master_key,
    rotate_master_key_file,
)
from doorward.app.settings import load_settings
from doorward.app.store import Store, open_store
from doorward.audit.port import AuditFilter
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import parse_jwk_set
from doorward.crypto.jose.jws import parse_compact, sign_compact, verify_compact
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.keys.keyring_port import SigningKeyState
from doorward.keys.operations import compromise_signing_key
from doorward.keys.signer import open_private
from doorward.values import Actor, FeedKind, Handle

ADA: Final = Actor(kind="operator", id="ada")
CLAIMS: Final = {"iss": ISSUER, "sub": "alice", "exp": 1}
Eventually = Callable[..., Coroutine[Any, Any, float]]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOORWARD_ISSUER", "DOORWARD_MASTER_KEY", "DOORWARD_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "master.key"
    create_master_key_file(path, entropy=secrets.token_bytes)
    return path


def load(path: Path) -> MasterKeys:
    keys = load_master_keys(path, None, entropy=secrets.token_bytes)
    assert keys is not None
    return keys


def keep_last_line(path: Path) -> None:
    path.write_text(path.read_text().splitlines()[-1] + "\n")


def is_verified(store: Store, token: str) -> bool:
    compact = parse_compact(token.encode())
    key = store.keyring.find(compact.header.kid, compact.header.alg)
    return key is not None and verify_compact(compact, key) == CLAIMS


def test_a_store_that_was_not_told_its_issuer_has_no_keyring(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(sqlite_url)
    assert store.issuer is None
    with pytest.raises(Misconfigured, match="DOORWARD_ISSUER"):
        _ = store.keyring
    with pytest.raises(Misconfigured, match="issuer"):
        open_store(sqlite_url, issuer="id.example")
    monkeypatch.setenv("DOORWARD_ISSUER", ISSUER)
    assert open_store(sqlite_url).keyring.issuer == ISSUER
    assert open_store(sqlite_url, issuer="https://mine.example").issuer == "https://mine.example"


async def test_a_library_issues_and_another_process_verifies(sqlite_url: str, key_file: Path) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file), issuer=ISSUER) as store:
        token = await store.keyring.sign_token(CLAIMS)
        # Nothing follows the feed here: no server runs, and no plane was started.
        assert not store.plane.started
    async with open_store(sqlite_url, issuer=ISSUER) as verifier:
        await verifier.plane.start()
        assert is_verified(verifier, token)
        with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY"):
            await verifier.keyring.sign_token(CLAIMS)


async def test_issuers_in_one_database_do_not_share_keys(sqlite_url: str, key_file: Path) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file), issuer=ISSUER) as store:
        token = await store.keyring.sign_token(CLAIMS)
    async with open_store(sqlite_url, master_keys=load(key_file), issuer="https://other.example") as other:
        await other.keyring.sign_token(CLAIMS)
        await other.keyring.refresh(parse_compact(token.encode()).header.kid)
        assert not is_verified(other, token)


async def test_private_halves_rest_sealed(sqlite_url: str, key_file: Path) -> None:
    keys = load(key_file)
    async with open_store(sqlite_url, master_keys=keys, issuer=ISSUER) as store:
        await store.keyring.found()
        (first, *_) = await store.signing_keys.list_ring(ISSUER)
        assert first.sealed_private is not None
        der = keys.open(first.sealed_private, purpose="signing key", row=first.kid)
        events = await store.audit.list_events(AuditFilter(), limit=100)
    assert [event.event.action for event in events] == ["signing_key.created", "signing_key.created"]
    database = Path(sqlite_url.removeprefix("sqlite:///"))
    stored = b"".join(path.read_bytes() for path in database.parent.glob("doorward.db*"))
    assert first.sealed_private in stored
    assert der not in stored
    assert der[-64:] not in stored


async def test_a_kms_needs_no_private_half_in_the_store(sqlite_url: str, key_file: Path) -> None:
    kms = SimulatedKms()
    async with open_store(sqlite_url, master_keys=load(key_file), issuer=ISSUER, signer=kms) as store:
        assert is_verified(store, await store.keyring.sign_token(CLAIMS))
        assert kms.signatures == 1
        assert all(key.sealed_private is None for key in await store.signing_keys.list_ring(ISSUER))
        await record_rotation(store, load(key_file), actor=ADA)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.HS256])
async def test_a_rotated_master_key_seals_signing_keys_and_the_old_one_may_go(
    sqlite_url: str, key_file: Path, algorithm: Algorithm
) -> None:
    policy = policy_of(algorithm)
    async with open_store(sqlite_url, master_keys=load(key_file), ring_policy=policy) as store:
        token = await store.keyring.sign_token(CLAIMS)
    rotate_master_key_file(key_file, entropy=secrets.token_bytes)
    rotated = load(key_file)
    async with open_store(sqlite_url, master_keys=rotated, ring_policy=policy) as store:
        await record_rotation(store, rotated, actor=ADA)
        await record_rotation(store, rotated, actor=ADA)
    keep_last_line(key_file)
    async with open_store(sqlite_url, master_keys=load(key_file), ring_policy=policy) as store:
        again = await store.keyring.sign_token(CLAIMS)
        assert parse_compact(again.encode()).header.kid == parse_compact(token.encode()).header.kid
        assert is_verified(store, token)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.HS256])
async def test_after_a_leak_of_the_master_key_rotation_alone_leaves_a_thief_signing(
    sqlite_url: str, key_file: Path, algorithm: Algorithm
) -> None:
    policy, leaked = policy_of(algorithm), load(key_file)
    async with open_store(sqlite_url, master_keys=leaked, ring_policy=policy) as store:
        await store.keyring.found()
        stolen = [open_private(record, leaked) for record in await store.signing_keys.list_ring(ISSUER)]
    forged = [sign_compact({"typ": "at+jwt"}, json.dumps(CLAIMS).encode(), key).decode() for key in stolen]
    assert len(forged) == 2
    rotate_master_key_file(key_file, entropy=secrets.token_bytes)
    rotated = load(key_file)
    async with open_store(sqlite_url, master_keys=rotated, ring_policy=policy) as store:
        await record_rotation(store, rotated, actor=ADA)
        await store.keyring.found()
        assert all(is_verified(store, token) for token in forged)
        for state in (SigningKeyState.NEXT, SigningKeyState.CURRENT):
            (kid,) = [each.kid for each in await store.signing_keys.list_ring(ISSUER) if each.state is state]
            await compromise_signing_key(store, policy, store.signer, kid, reason="it leaked", actor=ADA)
    async with open_store(sqlite_url, master_keys=rotated, ring_policy=policy) as store:
        assert is_verified(store, await store.keyring.sign_token(CLAIMS))
        assert not any(store.keyring.find(key.kid, algorithm.value) for key in stolen)
        for record in await store.signing_keys.list_ring(ISSUER):
            with pytest.raises(Misconfigured, match="does not open under this master key"):
                open_private(record, leaked)


async def test_a_process_with_an_old_master_key_file_says_what_it_lacks(sqlite_url: str, key_file: Path) -> None:
    old = load(key_file)
    async with open_store(sqlite_url, master_keys=old, issuer=ISSUER) as store:
        await store.keyring.found()
    rotate_master_key_file(key_file, entropy=secrets.token_bytes)
    async with open_store(sqlite_url, master_keys=load(key_file), issuer=ISSUER) as store:
        await record_rotation(store, load(key_file), actor=ADA)
    stale = open_store(sqlite_url, master_keys=old, issuer=ISSUER, danger_unproven_master_keys=True)
    async with stale as store:
        with pytest.raises(Misconfigured, match="does not open under this master key"):
            await store.keyring.sign_token(CLAIMS)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.HS256])
async def test_after_a_lost_master_key_new_keys_sign_and_what_was_signed_is_verified(
    sqlite_url: str, key_file: Path, tmp_path: Path, algorithm: Algorithm
) -> None:
    policy = policy_of(algorithm)
    async with open_store(sqlite_url, master_keys=load(key_file), ring_policy=policy) as store:
        token = await store.keyring.sign_token(CLAIMS)
    new = tmp_path / "new.key"
    create_master_key_file(new, entropy=secrets.token_bytes, key_id="k2")
    keys = load(new)
    lost = open_store(sqlite_url, master_keys=keys, ring_policy=policy, danger_unproven_master_keys=True)
    async with lost as store:
        await replace_lost_master_key(store, keys, reason="disk died", actor=ADA)
    async with open_store(sqlite_url, master_keys=keys, ring_policy=policy) as store:
        after = await store.keyring.sign_token(CLAIMS)
        assert is_verified(store, after)
        # An HMAC key needs its secret to verify, and the secret is gone.
        assert is_verified(store, token) is (algorithm is Algorithm.ES256)
        states = [key.state for key in await store.signing_keys.list_ring(ISSUER)]
        assert states.count(SigningKeyState.CURRENT) == states.count(SigningKeyState.NEXT) == 1
        kids = {key.kid for key in await store.signing_keys.list_ring(ISSUER)}
        await replace_lost_master_key(
            store, MasterKeys({"k3": b"3" * 32}, current="k3", entropy=secrets.token_bytes), reason="again", actor=ADA
        )
        assert kids != {key.kid for key in await store.signing_keys.list_ring(ISSUER)}


@pytest.mark.slow
async def test_a_plane_keeps_the_ring_and_hears_of_a_compromise(
    sql_url: str, key_file: Path, eventually: Eventually
) -> None:
    keys = load(key_file)
    issuer = open_store(sql_url, master_keys=keys, issuer=ISSUER)
    verifier = open_store(sql_url, issuer=ISSUER, pull_interval_s=0.1)
    async with issuer, verifier:
        leaked = await issuer.keyring.sign_token(CLAIMS)
        await verifier.plane.start()
        assert is_verified(verifier, leaked)
        kid = parse_compact(leaked.encode()).header.kid
        assert kid is not None
        await compromise_signing_key(issuer, issuer.keyring.policy, issuer.signer, kid, reason="leak", actor=ADA)
        handle = (Handle(FeedKind.SIGNING_KEY, kid),)

        async def is_refused() -> bool:
            return verifier.plane.view.is_revoked(handle)

        async def is_gone() -> bool:
            return verifier.keyring.find(kid, "ES256") is None and verifier.keyring.generation == 1

        await eventually(is_refused)
        await eventually(is_gone, deadline_s=5.0)


async def test_the_background_rotates_a_ring_that_is_due(
    sqlite_url: str, key_file: Path, eventually: Eventually
) -> None:
    clock = ManualClock()
    async with open_store(sqlite_url, master_keys=load(key_file), issuer=ISSUER, clock=clock) as store:
        await store.keyring.found()
        await store.plane.start()
        clock.forward(30 * 86_400)

        async def is_rotated() -> bool:
            return len(await store.signing_keys.list_ring(ISSUER)) == 3

        await eventually(is_rotated, deadline_s=5.0)


async def test_a_store_that_was_closed_serves_another_loop(sqlite_url: str, key_file: Path) -> None:
    store = open_store(sqlite_url, master_keys=load(key_file), issuer=ISSUER)
    kids: list[str | None] = []

    async def use() -> None:
        await store.plane.start()
        kids.append(parse_compact((await store.keyring.sign_token(CLAIMS)).encode()).header.kid)
        await store.aclose()

    for _ in range(2):
        thread = threading.Thread(target=lambda: asyncio.run(use()))
        thread.start()
        await asyncio.to_thread(thread.join)
    assert len(kids) == 2
    assert kids[0] == kids[1]


def test_who_the_issuer_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().token_issuer is None
    assert load_settings().ring_policy is None
    assert load_settings(public_url="https://keys.example").token_issuer == "https://keys.example"
    assert load_settings(public_url="https://keys.example", issuer=ISSUER).token_issuer == ISSUER
    assert load_settings(dev=True).token_issuer == "http://127.0.0.1:8700"
    assert load_settings(dev=True, listen_port=0).token_issuer is None
    policy = load_settings(
        issuer=ISSUER, signing_algorithm="EdDSA", signing_key_rotation_days=7, jwks_max_age_s=60
    ).ring_policy
    assert policy is not None
    assert (policy.algorithm, policy.rotation_s, policy.jwks_max_age_s) == (Algorithm.EDDSA, 7 * 86_400, 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "id.example"),
        ("issuer", "https://id.example/?x=1"),
        ("signing_algorithm", "none"),
        ("signing_algorithm", "HS512"),
        ("signing_key_rotation_days", 0),
        ("jwks_max_age_s", 1),
        ("access_token_lifetime_s", 86_401),
    ],
)
def test_settings_of_the_ring_that_cannot_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match=name):
        load_settings(None, **{name: value})


@pytest.mark.slow
async def test_the_keys_are_there_for_everybody_and_only_under_our_own_name(start: Start, tmp_path: Path) -> None:
    served = await start(dev="true", issuer=ISSUER)
    answer = await served.client.get("/.well-known/jwks.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=300")
    assert len(parse_jwk_set(answer.content).keys) == 2
    held = await served.client.get("/.well-known/jwks.json", headers={"if-none-match": answer.headers["etag"]})
    assert (held.status_code, held.content) == (304, b"")
    renamed = await served.client.get("/.well-known/jwks.json", headers={"host": "attacker.example"})
    assert (renamed.status_code, renamed.json()["code"]) == (421, "host_refused")
    assert (await served.client.head("/.well-known/jwks.json")).headers["etag"] == answer.headers["etag"]
    # Another process of the same deployment signs; the served keys verify it.
    async with open_store(
        f"sqlite:///{tmp_path}/.doorward/doorward.db",
        master_keys=load(tmp_path / ".doorward/master.key"),
        issuer=ISSUER,
    ) as store:
        compact = parse_compact((await store.keyring.sign_token(CLAIMS)).encode())
    key = parse_jwk_set(answer.content).find(compact.header.kid, compact.header.alg)
    assert key is not None
    assert verify_compact(compact, key) == CLAIMS
    await served.stop()
    connection = sqlite3.connect(tmp_path / ".doorward/doorward.db")
    private = connection.execute("SELECT public_jwk FROM signing_keys").fetchall()
    connection.close()
    assert all(not set(json.loads(row[0])) & {"d", "k", "p", "q"} for row in private)


@pytest.mark.slow
async def test_a_server_that_was_told_no_issuer_publishes_nothing(start: Start) -> None:
    served = await start(dev="true")
    answer = await served.client.get("/.well-known/jwks.json")
    assert answer.status_code in {403, 404}
