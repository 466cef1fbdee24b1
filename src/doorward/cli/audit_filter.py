"""Which events are asked for: the options of every command that lists some."""

from typing import Annotated

import typer

from doorward.audit.port import AuditFilter
from doorward.cli.parse import parse_logged_id, parse_past

__all__ = ["Action", "Code", "Credential", "Since", "Until", "filter_of"]

Credential = Annotated[
    str | None, typer.Option("--credential", metavar="ID", help="Only about this key, password or secret.")
]
Action = Annotated[str | None, typer.Option("--action", metavar="ACTION", help="Only this: key.revoked, …")]
Code = Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only with this refusal code.")]
Since = Annotated[str | None, typer.Option("--since", metavar="WHEN", help="From then on: 24h (ago) or 2026-12-31.")]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Before then.")]


def filter_of(
    *,
    app_id: str | None,
    credential: str | None,
    action: str | None = None,
    code: str | None,
    since: str | None,
    until: str | None,
    now: int,
) -> AuditFilter:
    """What the options say."""
    return AuditFilter(
        app_id=app_id,
        credential_id=None if credential is None else parse_logged_id(credential),
        action=action,
        code=code,
        since=None if since is None else parse_past(since, now),
        until=None if until is None else parse_past(until, now),
    )
