"""`doorward tokens issue`: a token made by hand, for a test, a job or an emergency. The audit log has it."""

from typing import TYPE_CHECKING, Final

from doorward.cli.frame import Desk
from doorward.cli.parse import parse_duration_s
from doorward.cli.problems import UsageProblem
from doorward.cli.tokens_view import show_issued_token
from doorward.methods.bearer.operations import issue_access_token
from doorward.methods.opaque.operations import issue_opaque_token
from doorward.methods.token_order import TokenOrder
from doorward.values import Scopes

if TYPE_CHECKING:
    from doorward.app.store import Store

__all__ = ["issue_token", "parse_claims"]

_KEYS_LOOKED_AT: Final = 1_000
_ISSUERS_SHOWN: Final = 5


async def issue_token(
    desk: Desk,
    *,
    client: str,
    audiences: tuple[str, ...],
    subject: str | None,
    scopes: tuple[str, ...],
    lifetime: str | None,
    session: str | None,
    grant: str | None,
    organization: str | None,
    claims: tuple[str, ...],
    opaque: bool,
) -> None:
    """Issue one token and show it, once.

    Raises:
        UsageProblem: an argument of the wrong form.
        Rejected: what cannot be issued; see `methods/issuing.py`.
        Misconfigured: there is no issuer, or no master key.
    """
    settings = desk.settings()
    order = TokenOrder(
        client_id=client,
        audience=audiences,
        subject=subject,
        scopes=Scopes(*scopes),
        lifetime_s=settings.access_token_lifetime_s if lifetime is None else parse_duration_s(lifetime),
        session_id=session,
        grant_id=grant,
        organization_id=organization,
        claims=parse_claims(claims),
    )
    async with desk.store(settings) as store:
        others = await _find_other_issuers(store)
        # Nobody at a command line has the watermark of the sign-in: the token counts as signed in now, which is told.
        signed_in_now = not (session is None and grant is None)
        watermark = await store.feed.read_watermark() if signed_in_now else None
        if opaque:
            stored = await issue_opaque_token(
                store, order, watermark=watermark, prefix=settings.key_prefix, actor=desk.actor
            )
            text, said = stored.text, stored.claims
        else:
            signed = await issue_access_token(store, order, watermark=watermark, actor=desk.actor)
            text, said = signed.text, dict(signed.claims)
    show_issued_token(desk.out, form="opaque" if opaque else "signed", text=text, claims=said, now=desk.now)
    _warn_of_other_issuers(desk, others)
    if signed_in_now:
        desk.out.warn("It counts as signed in now: what was revoked of its subject or client before does not end it.")


async def _find_other_issuers(store: "Store") -> list[str]:
    """Whom the store signs for, when it does not sign for the issuer this command stands for yet."""
    keys = await store.signing_keys.list_signing_keys(issuer=None, after="", limit=_KEYS_LOOKED_AT)
    issuers = sorted({key.issuer for key in keys})
    return [] if store.issuer in issuers else issuers


def _warn_of_other_issuers(desk: Desk, others: list[str]) -> None:
    if others:
        desk.out.warn(
            "It is the first token of its issuer (iss) here: until now this store signed for "
            f"{', '.join(others[:_ISSUERS_SHOWN])}. If that one was meant, set DOORWARD_ISSUER to it and issue again: "
            "a verifier takes the issuer it was told and no other."
        )


def parse_claims(presented_pairs: tuple[str, ...]) -> dict[str, object]:
    """Claims from `name=value` words; every value is a text."""
    claims: dict[str, object] = {}
    for pair in presented_pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageProblem(f"{pair!r} is no claim: write name=value, like plan=gold.")
        if name in claims:
            raise UsageProblem(f"The claim {name!r} is given twice: give it once.")
        claims[name] = value
    return claims
