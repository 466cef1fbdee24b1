"""Tokens as people see them, and as programs do."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, final

from rich.text import Text

from doorward.cli.output import Cell, Output
from doorward.cli.text import printable, relative
from doorward.cli.tokens_explain import Explained, explain_claims, explain_header
from doorward.cli.tokens_judge import CURES, Check, refused

__all__ = ["Told", "show_issued_token", "show_token", "token_shape"]

_MARKS: Final = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("·", "dim")}
_COLUMN: Final = 28
_ELSEWHERE_GOOD: Final = frozenset({"token_audience", "token_issuer", "token_type", "token_not_yet_valid"})
_OPAQUE_CURES: Final = {
    "credential_unknown": "Ask the store it was issued from, with --database; or get a new token.",
    "credential_secret_mismatch": "Get a new token: this one is a forgery, or of another database.",
}


@final
class Told(NamedTuple):
    """What is told of one token. `header` and `claims` are None where they cannot be read."""

    form: str
    header: Mapping[str, object] | None
    claims: Mapping[str, object] | None
    checks: list[Check]
    drift: str
    now: int
    note: str | None


def show_token(out: Output, told: Told) -> None:
    """Everything that can be said of a token: the verdict first, then what it says, then each check."""
    if out.as_json:
        out.json(_inspected_shape(told))
        return
    _show_verdict(out, told)
    if told.header is not None:
        _section(out, "Header", explain_header(told.header))
    if told.claims is not None:
        _section(out, "Claims", explain_claims(told.claims, told.now))
    out.heading("Checks")
    drift = [("  clock drift", Text(f"  {told.drift}"))] if told.drift else []
    out.facts([*(_line(check) for check in told.checks), *drift])
    out.note()
    if told.note is not None:
        out.note(told.note)
    if _may_be_live(told):
        out.warn("Whoever has a token is its holder until it expires. If it was in a log, a chat or a ticket, end it:")
        out.command('doorward tokens revoke --because "pasted into a ticket" < token.txt')


def _show_verdict(out: Output, told: Told) -> None:
    first = refused(told.checks)
    unchecked = [check.what for check in told.checks if check.holds is None]
    if first is not None:
        out.verdict(f"A verifier would refuse it: {first.says} ({first.code}).", good=False)
        cure = CURES.get(first.code or "") or _OPAQUE_CURES.get(first.code or "")
        if cure:
            out.facts([(" ", Text.assemble(("→ ", "green"), cure))])
    elif unchecked:
        out.verdict(f"Nothing speaks against it, as far as could be checked: not {_listed(unchecked)}.", good=True)
    else:
        out.verdict("A verifier would accept it.", good=True)
    out.heading("")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _section(out: Output, title: str, members: list[Explained]) -> None:
    out.heading(title)
    out.facts(_aligned(members, indent="  "))
    out.heading("")


def _line(check: Check) -> tuple[str, Cell]:
    mark, style = _MARKS[check.holds]
    says = (printable(check.says), "dim" if check.holds is None else "")
    return f"  {check.what}", Text.assemble((f"{mark} ", style), says)


def _may_be_live(told: Told) -> bool:
    # What is wrong for one resource may be right for another.
    return all(check.code in _ELSEWHERE_GOOD for check in told.checks if check.holds is False)


def _inspected_shape(told: Told) -> Mapping[str, Any]:  # Any: JSON
    first = refused(told.checks)
    unchecked = any(check.holds is None for check in told.checks)
    header = [] if told.header is None else explain_header(told.header)
    claims = [] if told.claims is None else explain_claims(told.claims, told.now)
    return {
        "form": told.form,
        "at": told.now,
        "verdict": "refused" if first is not None else "unknown" if unchecked else "accepted",
        "code": None if first is None else first.code,
        "detail": None if first is None else first.says,
        "header": told.header,
        "claims": told.claims,
        "explained": {
            "header": [member._asdict() for member in header],
            "claims": [member._asdict() for member in claims],
        },
        "checks": [
            {"what": check.what, "holds": check.holds, "code": check.code, "says": check.says} for check in told.checks
        ],
        "clock_drift": told.drift or None,
        "note": told.note,
    }


def token_shape(form: str, claims: Mapping[str, object]) -> Mapping[str, Any]:  # Any: JSON
    """A token without its text."""
    return {"id": claims["jti"], "form": form, "expires_at": claims["exp"], "claims": dict(claims)}


def show_issued_token(out: Output, *, form: str, text: str, claims: Mapping[str, object], now: int) -> None:
    """A new token: its text once, alone on stdout; what it is and how to take it back beside it."""
    if out.as_json:
        out.json({"token": token_shape(form, claims), "secret": text})
        return
    subject, client = claims["sub"], claims["client_id"]
    whose = f"the client {client} itself" if subject == client else f"{subject}, to {client}"
    out.done(f"Issued {'a signed' if form == 'signed' else 'an opaque'} access token for {whose}.")
    out.note()
    out.secret(text)
    out.note()
    expires_at = claims["exp"]
    assert isinstance(expires_at, int), "as we write it"
    ends = relative(expires_at, now)
    out.warn(f"It is shown this once and kept nowhere. Whoever has it is its holder; it expires {ends}.")
    out.note()
    out.facts(_aligned(explain_claims(claims, now), indent=""), to_stderr=True)
    out.note()
    out.note("Take it back before it expires (paste it at the prompt, or name its id):")
    out.note()
    out.command(
        'doorward tokens revoke --because "…"',
        f'doorward revoke --token {claims["jti"]} --because "…"',
    )


def _aligned(members: list[Explained], *, indent: str) -> list[tuple[str, Cell]]:
    """Values in one column and words in the next, as far as the usual values go; a longer one pushes its words on."""
    width = max((len(member.value) for member in members if len(member.value) <= _COLUMN), default=0)
    return [
        (f"{indent}{member.name}", Text.assemble((member.value.ljust(width), "cyan"), (f"  {member.says}", "dim")))
        for member in members
    ]
