import csv
import io
import json

from tests.simulators.audit import AuditSimulator, an_event

from doorward.audit.chain import ChainKey
from doorward.audit.export import EVENT_COLUMNS, event_row, export_csv, export_event, export_verification
from doorward.audit.log_lines import VerificationRecord
from doorward.audit.port import StoredEvent
from doorward.values import Actor, CredentialId


def a_stored_event(**fields: object) -> StoredEvent:
    chain = AuditSimulator()
    chain.append(ChainKey("k1", bytes(32)), an_event(1, **fields))
    return chain.stored[0]


def test_a_line_of_json_keeps_everything_and_shows_nothing_harmful() -> None:
    stored = a_stored_event(reason="\x1b[2J\u202e\n=1+1 é", details={"n": 1})
    line = export_event(stored)
    assert line.endswith(b"\n")
    assert line[:-1].decode("ascii").isprintable()
    read = json.loads(line)
    assert read["event"]["reason"] == "\x1b[2J\u202e\n=1+1 é"
    assert read["sequence"] == 1
    assert read["link"] == stored.link.hex()


def test_a_row_is_harmless_text_in_the_order_of_the_columns() -> None:
    actor = Actor(kind="app", id="app_\x1b[31m", credential_id=CredentialId("aaaaaaaaaaaa"), source="192.0.2.1")
    row = dict(zip(EVENT_COLUMNS, event_row(a_stored_event(actor=actor, reason="a\nb", code="x")), strict=True))
    assert row["actor"] == "app app_\\x1b[31m"
    assert row["reason"] == "a\\nb"
    assert row["at"] == "2023-11-14T22:13:21Z"
    assert row["credential"] == "aaaaaaaaaaaa"


def test_a_time_beyond_the_calendar_is_shown_as_it_is() -> None:
    assert event_row(a_stored_event(at=2**62))[1] == str(2**62)


def test_csv_holds_no_formula() -> None:
    text = export_csv([a_stored_event(reason='=HYPERLINK("http://evil")', action="+1", object_kind="-", object_id="x")])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == list(EVENT_COLUMNS)
    assert all(cell[:1] not in set("=+-@\t\r") for row in rows for cell in row)
    assert "'=HYPERLINK" in text


def test_a_verification_is_one_line() -> None:
    line = export_verification(VerificationRecord(at=1, code="credential_unknown", request="GET /\u202e"))
    assert json.loads(line)["request"] == "GET /\u202e"
    assert line[:-1].decode("ascii").isprintable()
