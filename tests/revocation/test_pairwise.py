"""Names one resource knows a subject by: derived, kept, and one key for all."""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.app.master_key import replace_lost_master_key, seal_again
from doorward.app.sealed import SEALED
from doorward.app.store import Store, open_store
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Rejected
from doorward.revocation.operations import revoke_subject
from doorward.revocation.pairwise import PAIRWISE_KEY_NAME, Sectors, derive_subject, parse_sector
from doorward.revocation.sectors import register_sector
from doorward.values import Actor

ADA = Actor(kind="operator", id="ada")
A, B = "https://a.example", "https://b.example"
FIRST = MasterKeys({"k1": bytes(32)}, current="k1", entropy=secrets.token_bytes)
ROTATED = MasterKeys({"k1": bytes(32), "k2": b"2" * 32}, current="k2", entropy=secrets.token_bytes)
OTHER = MasterKeys({"k3": b"3" * 32}, current="k3", entropy=secrets.token_bytes)


@pytest.fixture
async def store(sql_url: str) -> AsyncIterator[Store]:
    async with open_store(sql_url, master_keys=FIRST) as opened:
        yield opened


def test_a_name_is_the_hmac_of_sector_and_subject() -> None:
    key = bytes(range(32))
    expected = hmac.new(key, b"https://a.example\nalice", hashlib.sha256).digest()
    name = derive_subject(key, A, "alice")
    assert base64.urlsafe_b64decode(name + "=") == expected
    assert len(name) == 43


@given(st.sampled_from((A, B, "x")), st.text(), st.sampled_from((A, B, "x")), st.text())
def test_two_pairs_never_have_one_name(sector: str, subject: str, other_sector: str, other: str) -> None:
    key = bytes(32)
    names = derive_subject(key, sector, _whole(subject)), derive_subject(key, other_sector, _whole(other))
    assert (names[0] == names[1]) == ((sector, _whole(subject)) == (other_sector, _whole(other)))


def test_sector_and_subject_do_not_run_into_each_other() -> None:
    key = bytes(32)
    assert derive_subject(key, A, "lice") != derive_subject(key, A + "l", "ice")
    assert derive_subject(key, A, "\nlice") != derive_subject(key, A, "lice")


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("presented", ["", "a b", "a\nb", "é", "x" * 257, "\x7f"])
def test_what_is_no_sector_is_refused(presented: str) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        parse_sector(presented)
    assert parse_sector("x" * 256)


def test_the_key_is_not_shown() -> None:
    shown = Sectors(names=(A,), key=b"secret-key")
    assert "secret-key" not in repr(shown)
    assert "key" not in dict(shown.__rich_repr__())
    with pytest.raises(Rejected, match="object_unknown"):
        shown.name_of("alice", B)


async def test_of_many_who_register_the_first_sector_all_have_one_key(store: Store) -> None:
    sectors = [f"https://{number}.example" for number in range(20)]
    await asyncio.gather(*(register_sector(store, sector, actor=ADA) for sector in sectors * 2))
    known = await store.sectors.read_sectors()
    assert known.names == tuple(sorted(sectors))
    sealed = await store.meta.read_meta(PAIRWISE_KEY_NAME)
    await register_sector(store, "https://later.example", actor=ADA)
    assert await store.meta.read_meta(PAIRWISE_KEY_NAME) == sealed
    assert known.key is not None
    assert sealed is not None
    assert known.key not in sealed
    assert len(known.key) == 32


async def test_names_outlive_the_rotation_of_the_master_key(store: Store, sql_url: str) -> None:
    await seal_again(store, FIRST)
    await register_sector(store, A, actor=ADA)
    name = (await store.sectors.read_sectors()).name_of("alice", A)
    await seal_again(store, ROTATED)
    only_new = MasterKeys({"k2": b"2" * 32}, current="k2", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=only_new) as opened:
        assert (await opened.sectors.read_sectors()).name_of("alice", A) == name
    assert len(SEALED) > 1


async def test_when_the_master_key_is_lost_subjects_can_still_be_revoked_under_new_names(
    store: Store, sql_url: str
) -> None:
    await register_sector(store, A, actor=ADA)
    name = (await store.sectors.read_sectors()).name_of("alice", A)
    async with open_store(sql_url, master_keys=OTHER, danger_unproven_master_keys=True) as opened:
        with pytest.raises(Misconfigured, match="does not open"):
            await opened.sectors.read_sectors()
        await replace_lost_master_key(opened, OTHER, reason="lost", actor=ADA)
        assert (await opened.sectors.read_sectors()).name_of("alice", A) != name
        assert (await revoke_subject(opened, "alice", reason="x", actor=ADA)).sectors == 1
        events = await opened.audit.list_events(AuditFilter(action="master_key.replaced"))
        assert len(events) == 1


async def test_without_a_master_key_there_is_no_sector(
    store: Store, sql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DOORWARD_MASTER_KEY", "DOORWARD_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    async with open_store(sql_url) as keyless:
        assert (await keyless.sectors.read_sectors()).names == ()
        with pytest.raises(Misconfigured, match="no master key"):
            await register_sector(keyless, A, actor=ADA)
        await register_sector(store, A, actor=ADA)
        with pytest.raises(Misconfigured, match="no master key"):
            await keyless.sectors.read_sectors()
