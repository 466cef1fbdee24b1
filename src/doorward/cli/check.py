"""`doorward check`: what would keep `doorward serve` from starting, and why, before it is started; and what is due."""

from collections.abc import Iterable

from doorward.app.check import Finding, find_unsafe
from doorward.app.check.due import find_due
from doorward.app.sealed import require_own_master_keys
from doorward.cli.frame import Desk, new_command, offer
from doorward.cli.looks import show_findings
from doorward.errors import Misconfigured

commands = new_command()


@offer(commands, "check")
async def check(desk: Desk) -> None:
    """Say what is unsafe or missing, and which secrets and keys need a hand soon. Nothing is started or changed.

    Exit code 0 when `doorward serve` would start, 3 when it would not. What is due keeps no server from starting.
    """
    found = find_unsafe(desk.settings())
    due = () if found else await _find_due(desk)
    if desk.out.as_json:
        desk.out.json({"safe": not found, "findings": _members(found), "due": _members(due)})
    elif not found:
        desk.out.done("Nothing unsafe was found: `doorward serve` would start.")
        show_findings(desk.out, due)
    else:
        show_findings(desk.out, found)
    if found:
        things = "One thing is" if len(found) == 1 else f"{len(found)} things are"
        raise Misconfigured(f"{things} unsafe.", cure="Mend what is listed and check again.")


async def _find_due(desk: Desk) -> tuple[Finding, ...]:
    settings = desk.settings()
    if settings.dev and settings.database_path is not None and not settings.database_path.exists():
        return ()  # `serve --dev` makes it
    # Unproven: a database that has seen no master keys would take these for its own, and nothing is to be changed.
    async with desk.store(settings, danger_unproven_master_keys=True) as store:
        if store.master_keys is not None:
            await require_own_master_keys(store.meta, store.master_keys)
        return await find_due(store, desk.now)


def _members(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"what": finding.what, "why": finding.why, "cure": finding.cure} for finding in findings]
