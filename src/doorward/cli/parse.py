"""Arguments into values: strict, one spelling each, and a whole secret is never an argument.

What stands on a command line is readable by every user of the machine (`ps`) and kept in the shell's history, so an
id is accepted and a key is not, and a database password comes from the environment or the configuration file.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from doorward.cli.problems import UsageProblem
from doorward.values import CredentialId, RateLimit
from doorward.wire.credential import CREDENTIAL_PATTERN, PREFIX_PATTERN

__all__ = [
    "parse_beginning",
    "parse_credential_id",
    "parse_database",
    "parse_duration_s",
    "parse_expiry_s",
    "parse_logged_id",
    "parse_metadata",
    "parse_overlap_s",
    "parse_past",
    "parse_rate",
    "parse_signature_key_id",
    "parse_webhook_secret_id",
]

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,6}[smhd])")
_ID: Final = re.compile(rf"(?:{PREFIX_PATTERN}_[a-z]{{2,8}}_)?([0-9A-Za-z]{{12}})")
_PREFIXED_ID: Final = re.compile(r"(?:whs|sig)_[0-9A-Za-z]{12}")
_SIGNATURE_KEY_ID: Final = re.compile(r"sig_[0-9A-Za-z]{12}")
_WEBHOOK_SECRET_ID: Final = re.compile(r"whs_[0-9A-Za-z]{12}")
_WHOLE: Final = re.compile(CREDENTIAL_PATTERN)


def parse_duration_s(presented_text: str) -> int:
    """Seconds from `90s`, `15m`, `24h` or `90d`: one number, one unit."""
    found = _DURATION.fullmatch(presented_text)
    if found is None:
        raise UsageProblem(
            f"{presented_text!r} is no duration: write one number and one unit, like 30s, 15m, 24h or 90d."
        )
    return int(found[1]) * _UNITS_S[found[2]]


def parse_overlap_s(presented_text: str) -> int:
    """Seconds two keys are both valid while rotating; `0` when the old one has leaked."""
    return 0 if presented_text == "0" else parse_duration_s(presented_text)


def parse_expiry_s(presented_text: str, now: int) -> int | Literal["never"]:
    """Seconds from now until an expiry given as a duration, or as a date whose last second (UTC) is still valid.

    "never" must be said out loud: there is no other way to write it and no default that means it.
    """
    if presented_text == "never":
        return "never"
    if _DATE.fullmatch(presented_text) is None:
        try:
            return parse_duration_s(presented_text)
        except UsageProblem:
            raise UsageProblem(
                f"{presented_text!r} is no expiry: write a duration (90d), a last day (2026-12-31) or never."
            ) from None
    left_s = _end_of_day(presented_text) - now
    if left_s <= 0:
        raise UsageProblem(f"{presented_text} is over: choose a day that is still to come.")
    return left_s


def parse_past(presented_text: str, now: int) -> int:
    """Epoch seconds of a moment given as a duration before now (`24h`) or as a day's first second (UTC)."""
    if _DATE.fullmatch(presented_text):
        return _end_of_day(presented_text) - 86_400
    try:
        return now - parse_duration_s(presented_text)
    except UsageProblem:
        raise UsageProblem(f"{presented_text!r} is no time: write how long ago (24h) or a day (2026-12-31).") from None


def parse_beginning(presented_text: str, now: int) -> int:
    """Epoch seconds of a moment given as a duration from now (`24h`) or as a day's first second (UTC)."""
    if _DATE.fullmatch(presented_text):
        return _end_of_day(presented_text) - 86_400
    try:
        return now + parse_duration_s(presented_text)
    except UsageProblem:
        raise UsageProblem(
            f"{presented_text!r} is no time: write how long from now (24h) or a day (2026-12-31)."
        ) from None


def _end_of_day(text: str) -> int:
    try:
        day = date.fromisoformat(text) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UsageProblem(f"{text!r} is no day of the calendar: write YYYY-MM-DD.") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def parse_rate(presented_text: str) -> RateLimit:
    """A rate limit from `100/60s`: requests in any window of that length."""
    found = _RATE.fullmatch(presented_text)
    if found is None:
        raise UsageProblem(f"{presented_text!r} is no rate limit: write requests/window, like 100/60s or 5000/1h.")
    return RateLimit(int(found[1]), parse_duration_s(found[2]))


def parse_metadata(presented_pairs: list[str]) -> dict[str, str]:
    """Metadata from `name=value` words."""
    metadata: dict[str, str] = {}
    for pair in presented_pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageProblem(f"{pair!r} is no metadata: write name=value, like team=checkout.")
        if name in metadata:
            raise UsageProblem(f"The metadata {name!r} is given twice: give it once.")
        metadata[name] = value
    return metadata


def parse_credential_id(presented_text: str) -> CredentialId:
    """The public id of a key or password, alone or with the prefix it is listed with (`dw_live_…`)."""
    if _WHOLE.fullmatch(presented_text):
        shown, is_token = presented_text[-50:-38], "_token_" in presented_text
        cure = (
            "end it with `doorward tokens revoke` or `doorward revoke --credential`"
            if is_token
            else "rotate it with --overlap 0"
        )
        raise UsageProblem(
            f"That is a whole secret, and a command line can be read by others and is kept in the shell's history. "
            f"Give only the id, {shown}, and {cure} if anyone may have seen it."
        )
    if _WEBHOOK_SECRET_ID.fullmatch(presented_text):
        raise UsageProblem(
            f"{presented_text} is the id of a webhook secret, for `doorward webhooks secrets list | retire`."
        )
    found = _ID.fullmatch(presented_text)
    if found is None:
        raise UsageProblem(f"{presented_text!r} is no id: ids have 12 letters and digits, and `list` shows them.")
    return CredentialId(found[1])


def parse_signature_key_id(presented_text: str) -> CredentialId:
    """The id of a signature key. What is no such id is not repeated: it may be a secret."""
    if _SIGNATURE_KEY_ID.fullmatch(presented_text) is None:
        raise UsageProblem(
            "That is no id of a signature key: they are sig_ and 12 letters and digits, and "
            "`doorward signatures keys list` shows them."
        )
    return CredentialId(presented_text)


def parse_logged_id(presented_text: str) -> CredentialId:
    """The id of whatever opens doors, as the log has it: of a key or password, or one with a prefix of its own."""
    if _PREFIXED_ID.fullmatch(presented_text):
        return CredentialId(presented_text)
    return parse_credential_id(presented_text)


def parse_webhook_secret_id(presented_text: str) -> CredentialId:
    """The id of a webhook secret. What is none is not repeated: it may be the secret itself."""
    if _WEBHOOK_SECRET_ID.fullmatch(presented_text) is None:
        raise UsageProblem(
            "That is no id of a webhook secret: it is `whs_` and 12 letters and digits, and "
            "`doorward webhooks secrets list` shows them. A secret itself is never an argument."
        )
    return CredentialId(presented_text)


def parse_database(presented_url: str) -> str:
    """A database URL from the command line, where it must not carry a password."""
    try:
        parts = urlsplit(presented_url)
        carries_password = parts.password is not None or "password=" in parts.query
    except ValueError:
        raise UsageProblem(
            "--database is no URL: write sqlite:///doorward.db or postgresql://user@host/name."
        ) from None
    if carries_password:
        raise UsageProblem(
            "A password in --database can be read by every user of this machine: "
            "set DOORWARD_DATABASE_URL instead, or write it into the configuration file."
        )
    return presented_url
