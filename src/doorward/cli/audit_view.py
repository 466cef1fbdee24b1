"""Events and verifications as people see them."""

from doorward.audit.findings import ChainReport
from doorward.audit.log_lines import VerificationRecord
from doorward.audit.port import StoredEvent
from doorward.cli.output import Cell, Column, Output, styled
from doorward.cli.shapes import event_shape, verification_shape
from doorward.cli.text import moment
from doorward.values import Actor

__all__ = ["show_events", "show_verification", "show_verifications"]

_COLUMNS = (
    Column("#", fixed=True, right=True),
    Column("When (UTC)", fixed=True),
    Column("What", fixed=True),
    Column("To", fixed=True),
    Column("By"),
    Column("Why"),
)


_VERIFICATION_COLUMNS = (
    Column("When (UTC)", fixed=True),
    Column("Decision", fixed=True),
    Column("Credential", fixed=True),
    Column("From"),
    Column("Asked"),
)


def show_events(out: Output, events: list[StoredEvent]) -> None:
    """A line each."""
    if out.as_json:
        for stored in events:
            out.json(event_shape(stored))
        return
    out.table(_COLUMNS, [_row(stored) for stored in events], empty="Nothing of that kind has happened.")


def _row(stored: StoredEvent) -> tuple[Cell, ...]:
    event = stored.event
    refused = event.outcome != "done"
    return (
        styled(str(stored.sequence), "dim"),
        moment(event.at).removesuffix(" UTC"),
        styled(
            f"{event.action} ({event.code or event.outcome})" if refused else event.action, "red" if refused else ""
        ),
        styled(event.object_id, "cyan"),
        _who(event.actor),
        event.reason,
    )


def show_verifications(out: Output, records: list[VerificationRecord]) -> None:
    """A line each."""
    if out.as_json:
        for record in records:
            out.json(verification_shape(record))
        return
    rows: list[tuple[Cell, ...]] = [
        (
            moment(record.at).removesuffix(" UTC"),
            styled("admitted", "green") if record.code is None else styled(record.code, "red"),
            None if record.credential_id is None else styled(record.credential_id, "cyan"),
            record.source,
            record.request,
        )
        for record in records
    ]
    out.table(_VERIFICATION_COLUMNS, rows, empty="No decision of that kind was logged.")


def _who(actor: Actor) -> str:
    return actor.id if actor.source is None else f"{actor.id} from {actor.source}"


def show_verification(out: Output, changes: ChainReport, logs: ChainReport | None, *, remembered: int) -> None:
    """What came of verifying: counts, then every finding."""
    checks = {"changes": changes} if logs is None else {"changes": changes, "verifications": logs}
    if out.as_json:
        out.json(
            {
                "intact": all(check.intact for check in checks.values()),
                "heads": remembered,
                **{name: _shape(check) for name, check in checks.items()},
            }
        )
        return
    for name, check in checks.items():
        for finding in check.findings:
            place = finding.chain if finding.sequence == 0 else f"{finding.chain} {finding.sequence}"
            out.verdict(f"{finding.kind.value}: {finding.text} ({place})", good=finding.harmless)
        if check.more:
            out.verdict(f"{check.more:,} more findings", good=False)
        if check.intact:
            out.verdict(f"{check.checked:,} {name}: nothing removed, altered or reordered", good=True)
    if not remembered:
        out.note("An end that was cut off shows only against heads kept elsewhere: `doorward audit heads`.")


def _shape(check: ChainReport) -> dict[str, object]:
    return {
        "intact": check.intact,
        "checked": check.checked,
        "more": check.more,
        "findings": [
            {"kind": finding.kind.value, "chain": finding.chain, "sequence": finding.sequence, "text": finding.text}
            for finding in check.findings
        ],
    }
