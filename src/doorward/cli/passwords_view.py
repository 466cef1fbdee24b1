"""App passwords as people see them."""

from doorward.cli.looks import ago, expiry, expiry_short, state_cell, words
from doorward.cli.output import Column, Output, styled
from doorward.cli.shapes import issued_password_shape, password_shape, usage_shape
from doorward.methods.basic.port import PasswordRecord, PasswordState

__all__ = ["show_issued_password", "show_moved_password", "show_passwords", "show_usage"]

_COLUMNS = (
    Column("Id", fixed=True),
    Column("App"),
    Column("Name"),
    Column("Scopes"),
    Column("State", fixed=True),
    Column("Expires", fixed=True),
)
_USAGE_COLUMNS = (
    Column("Id", fixed=True),
    Column("App"),
    Column("Name"),
    Column("Uses", fixed=True, right=True),
    Column("Last seen", fixed=True),
    Column("From", fixed=True),
)
_AFTER = {
    PasswordState.ACTIVE: "It works again.",
    PasswordState.DISABLED: "It opens no door until `doorward passwords enable`.",
    PasswordState.REVOKED: "It opens no door any more.",
}


def show_passwords(out: Output, records: list[PasswordRecord], now: int) -> None:
    """A line each."""
    if out.as_json:
        for record in records:
            out.json(password_shape(record))
        return
    rows = [
        (
            styled(record.id, "cyan"),
            record.app_name or record.app_id,
            record.name,
            words(record.scopes),
            state_cell(record.state.value, expires_at=record.expires_at, app_state=record.app_state, now=now),
            expiry_short(record.expires_at, now),
        )
        for record in records
    ]
    out.table(_COLUMNS, rows, empty="No app passwords, and none are needed where API keys will do.")


def show_usage(out: Output, records: list[PasswordRecord], now: int) -> None:
    """Those that were ever used, the latest first."""
    used = sorted(
        (record for record in records if record.last_used_at is not None),
        key=lambda record: record.last_used_at or 0,
        reverse=True,
    )
    if out.as_json:
        for record in used:
            out.json(usage_shape(record))
        return
    rows = [
        (
            styled(record.id, "cyan"),
            record.app_name or record.app_id,
            record.name,
            f"{record.use_count:,}",
            ago(record.last_used_at, now),
            record.last_source,
        )
        for record in used
    ]
    out.table(_USAGE_COLUMNS, rows, empty="Nobody has used Basic.")


def show_issued_password(out: Output, record: PasswordRecord, text: str, now: int) -> None:
    """A new app password: the secret once, alone on stdout; the rest beside it."""
    if out.as_json:
        out.json(issued_password_shape(record, text))
        return
    out.done(f"Created an app password for {record.app_name or record.app_id}.")
    out.note()
    out.secret(text)
    out.note()
    out.warn("It is shown this once and kept nowhere. Put it where your program keeps its secrets.")
    out.note()
    out.facts(
        [
            ("User name", styled(record.app_id, "bold")),
            ("Id", record.id),
            ("Scopes", words(record.scopes) or "none"),
            ("Expires", expiry(record.expires_at, now)),
        ],
        to_stderr=True,
    )
    out.note()
    out.note("Try it; curl asks for the password, which keeps it out of your shell's history:")
    out.note()
    out.command(f"curl -u {record.app_id} https://your.api.example/")


def show_moved_password(out: Output, record: PasswordRecord, said: str) -> None:
    """An app password in its new state."""
    if out.as_json:
        out.json(password_shape(record))
        return
    app = record.app_name or record.app_id
    out.done(f"{said}: {record.id} ({record.name}) of {app}. {_AFTER[record.state]}")
