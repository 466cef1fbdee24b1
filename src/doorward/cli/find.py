"""Finding what an argument names, and going through lists of any length."""

import re
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from doorward.apps.port import AppPort, AppRecord
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.errors import Rejected
from doorward.values import AppId

__all__ = ["LIMIT_MAX", "list_pages", "locate_app", "locate_app_id", "require_limit"]

LIMIT_MAX: Final = 100_000
_PAGE: Final = 1_000
_APP_ID: Final = re.compile(r"app_[0-9A-Za-z]{12}")


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


RecordT = TypeVar("RecordT", bound=_HasId)


async def locate_app(apps: AppPort, presented_text: str) -> AppRecord:
    """The app of that id or of exactly that name.

    Raises:
        Rejected: `object_unknown`.
    """
    found = None
    if _APP_ID.fullmatch(presented_text):
        found = await apps.find_app(AppId(presented_text))
    found = found or await apps.find_app_by_name(presented_text)
    if found is None:
        raise Rejected("object_unknown", f"no app {presented_text!r}; `doorward apps list` shows them")
    return found


async def locate_app_id(apps: AppPort, presented_text: str | None) -> AppId | None:
    """The id of the app that was named; None when none was."""
    return None if presented_text is None else (await locate_app(apps, presented_text)).id


def require_limit(limit: int) -> None:
    """Refuse a limit that is none, or more than anybody reads."""
    if not 1 <= limit <= LIMIT_MAX:
        raise UsageProblem(f"--limit goes from 1 to {LIMIT_MAX:,}.")


async def list_pages(
    page: Callable[[str, int], Awaitable[tuple[RecordT, ...]]], *, after: str, limit: int, out: Output
) -> list[RecordT]:
    """Up to `limit` records by id, page by page; says so when there are more."""
    require_limit(limit)
    records: list[RecordT] = []
    while len(records) <= limit:
        found = await page(records[-1].id if records else after, min(_PAGE, limit + 1 - len(records)))
        records.extend(found)
        if not found:
            break
    if len(records) > limit:
        out.note(f"There are more: go on with --after {records[limit - 1].id}")
    return records[:limit]
