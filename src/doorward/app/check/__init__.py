"""What makes a configuration unsafe: one table, asked before anything listens.

Each row looks at one thing and says what is unsafe, why, and what to change. All rows are asked and everything found
is told at once, so that an operator does not mend one thing to meet the next. Nothing is opened but files' metadata
and the database's schema version, and nothing is changed. What is due but not unsafe is asked of the open store
(`due.py`).
"""

from collections.abc import Callable, Iterator
from typing import Final

from doorward.app.check.database import check_database_file, check_database_transport, check_schema
from doorward.app.check.files import check_audit_directory, check_folders, check_master_key, check_tls_files
from doorward.app.check.finding import Finding
from doorward.app.check.listening import (
    check_environment,
    check_hosts,
    check_issuer,
    check_listening,
    check_proxies,
    check_transport,
)
from doorward.app.settings import Settings
from doorward.errors import Misconfigured

__all__ = ["CHECKS", "Finding", "find_unsafe", "require_safe"]

Check = Callable[[Settings], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    check_transport,
    check_tls_files,
    check_listening,
    check_proxies,
    check_hosts,
    check_master_key,
    check_issuer,
    check_database_file,
    check_database_transport,
    check_schema,
    check_audit_directory,
    check_folders,
    check_environment,
)
"""Every check there is, in the order they are told."""


def find_unsafe(settings: Settings) -> tuple[Finding, ...]:
    """Everything that keeps `serve` from starting with these settings."""
    return tuple(finding for check in CHECKS for finding in check(settings))


def require_safe(settings: Settings) -> None:
    """Stop the start unless nothing is unsafe.

    Raises:
        Misconfigured: with every finding.
    """
    found = find_unsafe(settings)
    if len(found) == 1:
        raise Misconfigured(f"{found[0].what}. {found[0].why}.", cure=f"{found[0].cure}.")
    if found:
        listed = "\n".join(f"- {finding}" for finding in found)
        raise Misconfigured(f"{len(found)} things are unsafe:\n{listed}\n", cure="Run `doorward check` after mending.")
