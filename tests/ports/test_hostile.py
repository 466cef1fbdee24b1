"""What comes from outside ends in a record, in None or in `input_invalid`; never in an error of a driver."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulators.records import app_of, event_of, key_of, revocation_of

from doorward.adapters.sql.open import SqlPorts
from doorward.apps.port import AppInserted
from doorward.audit.port import AuditFilter
from doorward.errors import Rejected
from doorward.methods.apikey.port import KeyInserted
from doorward.values import AppId, Change, CredentialId, Revocation

HOSTILE_TEXT = ["\0", "a\0b", "\ud800", "x" * 65_537]
HOSTILE_INTEGERS = [2**63, -(2**63) - 1, 2**200]
# Odd, and to be kept as they are: right-to-left override, a combining mark, an emoji, quotes, SQL.
ODD_TEXT = ["\u202egnp", "é", "🗝", "'; DROP TABLE apps; --", '"', "\\", "%_", "\x01\x7f", " ", ""]


@pytest.mark.parametrize("text", HOSTILE_TEXT)
async def test_hostile_text_finds_nothing(ports: SqlPorts, text: str) -> None:
    for search in (
        ports.keys.find_key(CredentialId(text)),
        ports.passwords.find_password(CredentialId(text)),
        ports.apps.find_app(AppId(text)),
        ports.apps.find_app_by_name(text),
        ports.keys.list_keys(app_id=AppId(text)),
        ports.keys.list_keys(after=text),
        ports.apps.list_apps(after=text),
        ports.audit.list_events(AuditFilter(action=text)),
        ports.meta.read_meta(text),
    ):
        with pytest.raises(Rejected, match="input_invalid"):
            await search


@pytest.mark.parametrize("text", HOSTILE_TEXT)
async def test_hostile_text_is_not_written(ports: SqlPorts, text: str) -> None:
    changes = [
        Change(writes=(AppInserted(app_of(name=text)),)),
        Change(writes=(AppInserted(app_of(metadata={"a": text})),)),
        Change(writes=(AppInserted(app_of()), KeyInserted(key_of(networks=(text,))))),
        Change(revocations=(revocation_of(text),)),
        Change(events=(event_of(app_id=text),)),
    ]
    for change in changes if text != "\0" and "\0" not in text else [changes[0], *changes[2:]]:
        with pytest.raises(Rejected, match="input_invalid"):
            await ports.changes.commit(change)
    assert (await ports.feed.read_feed(0)).watermark == 0
    assert await ports.apps.list_apps() == ()


async def test_a_nul_in_metadata_is_only_json(ports: SqlPorts) -> None:
    record = app_of(metadata={"a": "\0"})
    await ports.changes.commit(Change(writes=(AppInserted(record),)))
    assert await ports.apps.find_app(record.id) == record


@pytest.mark.parametrize("number", HOSTILE_INTEGERS)
async def test_absurd_numbers_are_refused(ports: SqlPorts, number: int) -> None:
    for change in (
        Change(writes=(AppInserted(app_of(created_at=number)),)),
        Change(revocations=(revocation_of(leave_at=number),)),
        Change(events=(event_of(at=number),)),
    ):
        with pytest.raises(Rejected, match="input_invalid"):
            await ports.changes.commit(change)
    for read in (
        ports.feed.read_feed(number),
        ports.feed.remove_left(number),
        ports.audit.list_events(AuditFilter(since=number)),
        ports.audit.list_events(AuditFilter(), after_sequence=number),
    ):
        with pytest.raises(Rejected, match="input_invalid"):
            await read
    assert (await ports.feed.read_feed(0)).watermark == 0


async def test_the_last_number_that_fits_is_kept(ports: SqlPorts) -> None:
    await ports.changes.commit(
        Change(revocations=(revocation_of(leave_at=2**63 - 1), revocation_of(leave_at=-(2**63))))
    )
    assert [row.leave_at for row in (await ports.feed.read_feed(-1)).rows] == [2**63 - 1, -(2**63)]


@pytest.mark.parametrize("text", ODD_TEXT)
async def test_odd_text_comes_back_as_it_was(ports: SqlPorts, text: str) -> None:
    record = app_of(name=text, metadata={text: text})
    await ports.changes.commit(Change(writes=(AppInserted(record),), events=(event_of(reason=text),)))
    assert await ports.apps.find_app_by_name(text) == record
    (stored,) = await ports.audit.list_events(AuditFilter())
    assert stored.event == event_of(reason=text)


async def test_networks_that_would_come_back_as_others_are_refused(ports: SqlPorts) -> None:
    for networks in (("10.0.0.0/8 0.0.0.0/0",), ("",)):
        with pytest.raises(Rejected, match="input_invalid"):
            await ports.changes.commit(Change(writes=(AppInserted(app_of()), KeyInserted(key_of(networks=networks)))))


async def test_what_a_column_does_not_allow_is_refused(ports: SqlPorts) -> None:
    for digest in (b"short", bytes(65_537)):
        with pytest.raises(Rejected, match="input_invalid"):
            await ports.changes.commit(
                Change(writes=(AppInserted(app_of()), KeyInserted(key_of(secret_digest=digest))))
            )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(), max_size=40), number=st.integers(-(2**65), 2**65))
async def test_any_text_and_number_is_kept_or_refused(ports: SqlPorts, text: str, number: int) -> None:
    revocation = Revocation(handle=revocation_of(text).handle, leave_at=number, changed_version=number)
    before = (await ports.feed.read_feed(0)).watermark
    try:
        await ports.changes.commit(Change(revocations=(revocation,), events=(event_of(text, at=number),)))
    except Rejected as refused:
        assert refused.code == "input_invalid"  # noqa: PT017  # either outcome is right, for some texts
        assert (await ports.feed.read_feed(0)).watermark == before
    else:
        (row,) = (await ports.feed.read_feed(before)).rows
        assert (row.handle, row.leave_at, row.changed_version) == (revocation.handle, number, number)
        (stored,) = await ports.audit.list_events(AuditFilter(), after_sequence=before)
        assert msgspec.json.encode(stored.event)
        assert (stored.event.object_id, stored.event.at) == (text, number)
