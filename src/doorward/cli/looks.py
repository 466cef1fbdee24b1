"""How states, times and networks look in a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from doorward.cli.output import Output, styled
from doorward.cli.text import brief, moment, relative
from doorward.values import RateLimit

if TYPE_CHECKING:
    from doorward.app.check import Finding

__all__ = ["ago", "expiry", "expiry_short", "rate_words", "show_findings", "state_cell", "use_words", "words"]

_STYLES = {"active": "green", "disabled": "yellow", "suspended": "yellow", "expired": "red", "revoked": "red"}


def state_cell(state: str, *, expires_at: int | None = None, app_state: str = "active", now: int) -> Text:
    """A state as it works out: an active key that has expired, or whose app is suspended, opens no door."""
    if state == "active" and app_state != "active":
        state = f"app {app_state}"
    elif state == "active" and expires_at is not None and expires_at <= now:
        state = "expired"
    return styled(state, _STYLES.get(state.removeprefix("app "), "bold"))


def expiry(expires_at: int | None, now: int) -> str:
    """`2027-02-21 21:30 UTC, in 90 days`."""
    return "never" if expires_at is None else f"{moment(expires_at)}, {relative(expires_at, now)}"


def expiry_short(expires_at: int | None, now: int) -> Text:
    """`in 90 d`, drawn attention to when it is near, past, or never."""
    if expires_at is None:
        return styled("never", "yellow")
    style = "red" if expires_at <= now else "yellow" if expires_at - now < 7 * 86_400 else ""
    return styled(brief(expires_at, now), style)


def ago(at: int | None, now: int) -> Text | None:
    """`3 min ago`; None when it has not happened."""
    return None if at is None else Text(brief(at, now))


def use_words(count: int, last_used_at: int | None, last_source: str | None, now: int) -> str:
    """`1,204 times, last 3 minutes ago from 10.0.0.7`."""
    if last_used_at is None:
        return "never used"
    times = "once" if count == 1 else f"{count:,} times"
    source = f" from {last_source}" if last_source else ""
    return f"{times}, last {relative(last_used_at, now)}{source}"


def rate_words(rate: RateLimit | None) -> str | None:
    """`100 requests in any 60 s`."""
    return None if rate is None else f"{rate.requests:,} requests in any {rate.window_s:,} s"


def show_findings(out: Output, findings: "Iterable[Finding]", *, to_stderr: bool = False) -> None:
    """What is unsafe, why, and what to change: three lines each."""
    for finding in findings:
        out.finding(f"{finding.what}.", f"{finding.why}.", f"{finding.cure}.", to_stderr=to_stderr)


def words(items: Iterable[str]) -> str | None:
    """Items with spaces between; None when there are none."""
    return " ".join(items) or None
