"""`doorward tokens inspect` of an opaque token: its form says nothing, and the store knows the rest."""

from typing import TYPE_CHECKING

from doorward.cli.frame import Desk
from doorward.cli.problems import Failed
from doorward.cli.tokens_judge import Check
from doorward.cli.tokens_view import Told, show_token
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.opaque.config import LABEL
from doorward.methods.opaque.port import OpaqueRecord
from doorward.methods.opaque.verify import LoadedToken, claims_of, prove_opaque_token
from doorward.methods.token_order import handles_of
from doorward.values import CredentialId
from doorward.wire.credential import ID_CHARACTERS, TAIL_CHARACTERS

if TYPE_CHECKING:
    from doorward.app.store import Store

__all__ = ["inspect_opaque"]


async def inspect_opaque(desk: Desk, presented_text: str, *, audiences: frozenset[str], now: int) -> None:
    """Explain a text of the form of our secrets, whose checksum fits.

    Raises:
        Failed: it is another kind of secret.
    """
    head = presented_text[:-TAIL_CHARACTERS]
    if not head.endswith(f"_{LABEL}_"):
        raise Failed("This is a key or a password, no token: `doorward keys inspect` and `passwords` explain those.")
    token_id = CredentialId(presented_text[-TAIL_CHARACTERS:][:ID_CHARACTERS])
    form = Check("form", True, f"an opaque token, id {token_id}; its checksum fits")
    try:
        async with desk.store() as store:
            record = await store.opaque_tokens.find_opaque_token(token_id)
            revoked = record is not None and await _is_revoked(store, record)
    except (Misconfigured, Unavailable) as error:
        why = error.problem if isinstance(error, Misconfigured) else error.refusal.text
        unchecked = Check("token", None, "not looked up: only its store knows what it stands for")
        show_token(desk.out, Told("opaque", None, None, [form, unchecked], "", now, f"No store was asked: {why}"))
        return
    if record is None:
        unknown = Check("token", False, "this store knows no such token, or it expired long ago", "credential_unknown")
        show_token(desk.out, Told("opaque", None, None, [form, unknown], "", now, None))
        return
    loaded = LoadedToken(record)
    check = _prove(presented_text, loaded, now)
    if loaded.proof is None:
        # Nothing of a token is told to whoever knows only its id.
        show_token(desk.out, Told("opaque", None, None, [form, check], "", now, None))
        return
    checks = [form, check, _audience(record.audience, audiences), _revocation(revoked=revoked)]
    show_token(desk.out, Told("opaque", None, claims_of(record), checks, "", now, None))


async def _is_revoked(store: "Store", record: OpaqueRecord) -> bool:
    handles = handles_of(
        token_id=record.id,
        client_id=record.client_id,
        subject=record.subject,
        session_id=record.session_id,
        grant_id=record.grant_id,
        organization_id=record.organization_id,
    )
    # In two questions: one has places for what an order rests on.
    standings = [await store.standing.read_standing(part, record.watermark) for part in (handles[:4], handles[4:])]
    return any(standing.revoked is not None for standing in standings)


def _prove(presented_text: str, loaded: LoadedToken, now: int) -> Check:
    try:
        prove_opaque_token(presented_text.encode("ascii"), loaded, now)
    except Rejected as error:
        return Check("token", False, error.detail, error.code)
    return Check("token", True, "its secret is the one stored, and it is in force")


def _audience(named: tuple[str, ...], audiences: frozenset[str]) -> Check:
    if not audiences:
        return Check("audience", None, "not compared: say --audience")
    if audiences.isdisjoint(named):
        return Check("audience", False, "none of its audiences is this resource", "token_audience")
    return Check("audience", True, "this resource is among its own")


def _revocation(*, revoked: bool) -> Check:
    if revoked:
        return Check("revocation", False, "something it rests on was revoked", "credential_revoked")
    return Check("revocation", True, "nothing it rests on is revoked")
