"""What a revocation did, as people and programs read it: what is void, from when on, and what is not.

The times are the bounds of DESIGN section 7, stated so that nobody has to hope.
"""

from typing import Final

from doorward.apps.credentials import CredentialRevoked
from doorward.cli.output import Cell, Output
from doorward.cli.text import moment
from doorward.revocation.voiding import Revoked
from doorward.values import FeedKind

__all__ = ["show_revoked", "show_revoked_credential"]

_ARRIVES: Final = "everywhere as soon as the feed arrives: at once where it is pushed, else within 2 s"
_CUT_OFF: Final = "refuses everything once its view is older than its max_staleness_s (60 s unless set)"
_WHAT: Final = {
    FeedKind.SUBJECT: "everything subject {} was issued until now",
    FeedKind.TOKEN: "token {}, for good",
    FeedKind.SESSION: "every token of session {}, for good",
    FeedKind.GRANT: "every token of grant {}, for good",
    FeedKind.CLIENT: "everything client {} was issued until now",
    FeedKind.ORGANIZATION: "everything organization {} was issued until now",
}
_SURVIVES: Final = {
    FeedKind.SUBJECT: "what they are issued from now on: they may sign in again. To keep them out, disable the account",
    FeedKind.TOKEN: "every other token, also of the same sign-in",
    FeedKind.SESSION: "other sessions of the same person, and sessions that begin later",
    FeedKind.GRANT: "other grants, and consents that are given later",
    FeedKind.CLIENT: "what it is issued from now on. To keep it out, remove the client",
    FeedKind.ORGANIZATION: "what is issued from now on: people may sign in again, apps may be given new keys",
}
_CREDENTIALS: Final = {
    "key": "API key",
    "password": "app password",
    "signature_key": "signature key",
    "token": "opaque token",
}


def show_revoked(out: Output, revoked: Revoked) -> None:
    """What is void."""
    if out.as_json:
        out.json(
            {
                "kind": revoked.kind.value,
                "id": revoked.id,
                "issuer": revoked.issuer,
                "revoked_at": revoked.at,
                "kept_until": revoked.leave_at,
                "later_is_good": revoked.later_is_good,
                "sectors": revoked.sectors,
                "keys": revoked.keys,
                "passwords": revoked.passwords,
                "signature_keys": revoked.signature_keys,
                "webhook_secrets": revoked.webhook_secrets,
            }
        )
        return
    whose = "" if revoked.issuer is None else f" of {revoked.issuer}"
    out.done(f"Revoked: {_WHAT[revoked.kind].format(repr(revoked.id))}{whose}.")
    taken = revoked.kind is FeedKind.ORGANIZATION and revoked.issuer is None
    facts: list[tuple[str, Cell]] = [
        ("Refused", _ARRIVES),
        ("A verifier cut off", _CUT_OFF),
        ("Revoked along", _along(revoked) if taken else None),
        ("Told by other names", _count(revoked.sectors, "resource") if revoked.sectors else None),
        ("Survives", _SURVIVES[revoked.kind]),
        ("Remembered until", moment(revoked.leave_at)),
    ]
    out.facts(facts, to_stderr=True)
    if not taken or not any(_taken_along(revoked)):
        out.note("Nothing says whether that name exists: a misspelt one revokes nothing.")


def show_revoked_credential(out: Output, done: CredentialRevoked) -> None:
    """What opens nothing any more."""
    if out.as_json:
        out.json(
            {"kind": "credential", "what": done.what, "id": done.id, "whose": done.whose, "revoked_before": done.again}
        )
        return
    what = f"{_CREDENTIALS[done.what]} {done.id} of {done.whose}"
    if done.again:
        out.done(f"Nothing to do: {what} was revoked before.")
        return
    out.done(f"Revoked for good: {what}.")
    facts: list[tuple[str, Cell]] = [
        ("Refused", _ARRIVES),
        ("A verifier cut off", _CUT_OFF),
        ("Survives", "every other credential of the same owner"),
    ]
    out.facts(facts, to_stderr=True)


def _taken_along(revoked: Revoked) -> tuple[int, ...]:
    return revoked.keys, revoked.passwords, revoked.signature_keys, revoked.webhook_secrets


def _along(revoked: Revoked) -> str:
    whats = ("API key", "app password", "signature key", "webhook secret")
    *several, last = map(_count, _taken_along(revoked), whats)
    return f"{', '.join(several)} and {last}, for good"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
