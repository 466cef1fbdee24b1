"""API keys as people see them."""

from doorward.cli.grant_facts import grant_facts, life_facts, owner_words
from doorward.cli.looks import ago, expiry_short, state_cell
from doorward.cli.output import Cell, Column, Output, styled
from doorward.cli.shapes import issued_key_shape, key_shape, key_start
from doorward.methods.apikey.port import KeyRecord, KeyState

__all__ = ["show_issued_key", "show_key", "show_keys", "show_moved_key"]

_COLUMNS = (
    Column("Key starts with", fixed=True),
    Column("App"),
    Column("Name"),
    Column("State", fixed=True),
    Column("Expires", fixed=True),
    Column("Last used", fixed=True),
)
_AFTER = {
    KeyState.ACTIVE: "It works again.",
    KeyState.DISABLED: "It opens no door until `doorward keys enable`.",
    KeyState.REVOKED: "It opens no door any more.",
}


def show_keys(out: Output, records: list[KeyRecord], now: int) -> None:
    """A line each."""
    if out.as_json:
        for record in records:
            out.json(key_shape(record))
        return
    rows = [
        (
            styled(key_start(record), "cyan"),
            record.app_name or record.app_id,
            record.name,
            state_cell(record.state.value, expires_at=record.expires_at, app_state=record.app_state, now=now),
            expiry_short(record.expires_at, now),
            ago(record.last_used_at, now),
        )
        for record in records
    ]
    out.table(_COLUMNS, rows, empty="No keys yet: `doorward keys create APP --scope …` makes one.")


def show_key(out: Output, record: KeyRecord, now: int) -> None:
    """Everything that is known of one key, which is not its secret."""
    if out.as_json:
        out.json(key_shape(record))
        return
    out.facts(_facts(record, now))


def show_issued_key(out: Output, record: KeyRecord, text: str, now: int, *, said: str) -> None:
    """A new key: the secret once, alone on stdout; what it is and what to do with it beside it."""
    if out.as_json:
        out.json(issued_key_shape(record, text))
        return
    out.done(said)
    out.note()
    out.secret(text)
    out.note()
    out.warn("It is shown this once and kept nowhere. Put it where your program keeps its secrets.")
    out.note()
    out.facts(_grants(record, now), to_stderr=True)
    out.note()
    out.note("Try it without leaving it in your shell's history (paste it at the prompt):")
    out.note()
    out.command("read -rs KEY", 'curl -H "Authorization: Bearer $KEY" https://your.api.example/')


def show_moved_key(out: Output, record: KeyRecord, now: int, said: str) -> None:
    """A key in its new state."""
    if out.as_json:
        out.json(key_shape(record))
        return
    name, app = record.name, record.app_name or record.app_id
    out.done(f"{said}: {key_start(record)} ({name}) of {app}. {_AFTER[record.state]}")
    if record.state is KeyState.ACTIVE and record.expires_at is not None and record.expires_at <= now:
        out.warn("It has expired all the same: rotate cannot revive it, create a new one.")


def _grants(record: KeyRecord, now: int) -> list[tuple[str, Cell]]:
    return [
        ("Id", record.id),
        ("App", owner_words(record)),
        ("Environment", record.environment.value),
        *grant_facts(record, now),
    ]


def _facts(record: KeyRecord, now: int) -> list[tuple[str, Cell]]:
    state = state_cell(record.state.value, expires_at=record.expires_at, app_state=record.app_state, now=now)
    return [
        ("Starts with", styled(key_start(record), "bold cyan")),
        ("Name", record.name),
        ("State", state),
        *_grants(record, now),
        *life_facts(record, now),
    ]
