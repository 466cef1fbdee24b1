"""`doorward check`: what would keep `doorward serve` from starting, and why, before it is started."""

from doorward.app.check import find_unsafe
from doorward.cli.frame import Desk, new_command, offer
from doorward.cli.looks import show_findings
from doorward.errors import Misconfigured

commands = new_command()


@offer(commands, "check")
async def check(desk: Desk) -> None:
    """Say what is unsafe or missing. Nothing is started and nothing is changed.

    Exit code 0 when `doorward serve` would start, 3 when it would not.
    """
    found = find_unsafe(desk.settings())
    if desk.out.as_json:
        findings = [{"what": finding.what, "why": finding.why, "cure": finding.cure} for finding in found]
        desk.out.json({"safe": not found, "findings": findings})
    elif not found:
        desk.out.done("Nothing unsafe was found: `doorward serve` would start.")
    else:
        show_findings(desk.out, found)
    if found:
        things = "One thing is" if len(found) == 1 else f"{len(found)} things are"
        raise Misconfigured(f"{things} unsafe.", cure="Mend what is listed and check again.")
