"""Secrets of senders as people see them: everything but the secret."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from doorward.cli.looks import ago, expiry
from doorward.cli.output import Cell, Column, Output, styled
from doorward.cli.shapes import issued_webhook_secret_shape, webhook_secret_shape
from doorward.cli.text import brief, moment, relative
from doorward.methods.webhook.needed import Needed, needed_because
from doorward.methods.webhook.order import IssuedSecret
from doorward.methods.webhook.port import SecretRecord, SecretState

__all__ = ["show_issued_secret", "show_retired_secret", "show_secrets"]

_COLUMNS: Final = (
    Column("Id", fixed=True),
    Column("State", fixed=True),
    Column("From", fixed=True),
    Column("Until", fixed=True),
    Column("Last used", fixed=True),
    Column("Uses", fixed=True, right=True),
    Column("May be retired", fixed=True),
)
_NEEDED: Final = {
    Needed.ONLY: "no, the only one",
    Needed.RECENT: "no, in use",
    Needed.UNCOUNTED: "not counted yet",
    Needed.LAST: "no, used last",
    Needed.NEWEST: "no, the newest",
    Needed.UNPROVEN: "no, none matched yet",
}


def show_secrets(out: Output, records: Sequence[SecretRecord], sender: str, now: int) -> None:
    """A line each, the oldest first."""
    held = [record for record in records if record.state is not SecretState.RETIRED]
    if out.as_json:
        for record in records:
            out.json(webhook_secret_shape(record, held, now))
        return
    rows = [
        (
            styled(record.id, "cyan"),
            _state(record, now),
            ago(record.created_at if record.not_before is None else record.not_before, now),
            _until(record, now),
            ago(record.last_used_at, now),
            f"{record.use_count:,}",
            _retirable(record, held, now),
        )
        for record in records
    ]
    out.table(_COLUMNS, rows, empty=f"No secrets yet: `doorward webhooks secrets add {sender}` makes one.")


def show_issued_secret(out: Output, issued: IssuedSecret, held: Sequence[SecretRecord], now: int, *, said: str) -> None:
    """A new secret: when it was made here, once and alone on stdout; what it is beside it."""
    record = issued.record
    if out.as_json:
        out.json(issued_webhook_secret_shape(record, held, issued.text, now))
        return
    out.done(said)
    if issued.text is not None:
        out.note()
        out.secret(issued.text)
        out.note()
        begins = "now" if record.not_before is None else moment(record.not_before)
        out.warn(f"It is shown this once. Give it to the sender: what is signed with it is taken from {begins} on.")
    out.note()
    out.facts(_facts(record, now), to_stderr=True)
    others = sum(other.is_active(now) for other in held if other.id != record.id)
    if others:
        verb = "is" if others == 1 else "are"
        out.note(f"Beside it {others} {verb} active: `doorward webhooks secrets list {record.sender}`.")


def show_retired_secret(out: Output, record: SecretRecord, now: int) -> None:
    """A secret that is gone."""
    if out.as_json:
        out.json(webhook_secret_shape(record, (), now))
        return
    last = record.last_used_at
    used = "No use of it was counted" if last is None else f"It last matched {relative(last, now)}"
    late = " (counts are up to a minute late)" if last is None else ""
    out.done(f"Retired {record.id} of {record.sender} for good; its text is erased. {used}{late}.")


def _facts(record: SecretRecord, now: int) -> list[tuple[str, Cell]]:
    begins = None if record.not_before is None else f"{moment(record.not_before)}, {relative(record.not_before, now)}"
    return [("Id", record.id), ("Sender", record.sender), ("From", begins), ("Until", expiry(record.not_after, now))]


def _until(record: SecretRecord, now: int) -> Cell:
    if record.not_after is not None:
        return brief(record.not_after, now)
    # One that was retired before its end was written down.
    return None if record.state is SecretState.RETIRED else "never"


def _state(record: SecretRecord, now: int) -> Text:
    if record.state is SecretState.RETIRED:
        return styled("retired", "red")
    if record.is_active(now):
        return styled("active", "green")
    if record.not_after is not None and record.not_after <= now:
        return styled("ended", "red")
    return styled("planned", "yellow")


def _retirable(record: SecretRecord, held: Sequence[SecretRecord], now: int) -> Cell:
    if record.state is SecretState.RETIRED:
        return None
    needed = needed_because(held, record, now)
    return "yes" if needed is None else _NEEDED[needed]
