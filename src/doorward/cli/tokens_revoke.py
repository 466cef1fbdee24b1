"""`doorward tokens revoke`: the token itself is read, proven, and taken back. A forged one takes nothing back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from doorward.cli.frame import Desk
from doorward.cli.problems import Failed
from doorward.cli.text import moment
from doorward.cli.tokens_read import read_one_token
from doorward.crypto.jose.jws import parse_compact, verify_compact
from doorward.errors import Rejected
from doorward.methods.bearer.claims import find_text
from doorward.methods.opaque.method import OpaqueProver
from doorward.methods.opaque.operations import revoke_opaque_token
from doorward.revocation.folding import narrowest_owner
from doorward.revocation.operations import revoke_token
from doorward.values import CredentialId

if TYPE_CHECKING:
    from doorward.app.store import Store

__all__ = ["revoke_presented_token", "revoke_token_of_id"]


async def revoke_presented_token(desk: Desk, *, reason: str) -> None:
    """Take back the token on standard input.

    Raises:
        Rejected: it is not proven to be ours.
        Failed: it has expired.
        UsageProblem: nothing came.
    """
    presented = read_one_token(desk.out)
    settings = desk.settings()
    async with desk.store(settings) as store:
        if b"." in presented:
            claims = await _prove_signed(store, presented, desk.now)
            token_id, expires_at = find_text(claims, "jti"), _expiry(claims)
            await revoke_token(
                store,
                token_id,
                expires_at=expires_at,
                owner=narrowest_owner(
                    grant_id=find_text(claims, "dw_grant") or None,
                    session_id=find_text(claims, "sid") or None,
                    client_id=find_text(claims, "client_id"),
                    subject=find_text(claims, "sub"),
                ),
                audience=_only_audience(claims),
                reason=reason,
                actor=desk.actor,
            )
        else:
            prover = OpaqueProver(store, prefix=settings.key_prefix)
            verified = await prover.prove(presented.decode("ascii", "replace"), desk.now)
            token_id = verified.principal.credential_id
            expires_at = verified.principal.not_after or 0
            await revoke_opaque_token(store, CredentialId(token_id), reason=reason, actor=desk.actor)
    _show(desk, token_id, expires_at)


async def revoke_token_of_id(desk: Desk, token_id: CredentialId, *, reason: str) -> None:
    """Take back an opaque token by its public id.

    Raises:
        Rejected: `object_unknown`, `state_final`.
    """
    async with desk.store() as store:
        record = await revoke_opaque_token(store, token_id, reason=reason, actor=desk.actor)
    _show(desk, record.id, record.expires_at)


async def _prove_signed(store: "Store", presented: bytes, now: int) -> Mapping[str, object]:
    compact = parse_compact(presented)
    ring = store.keyring
    await ring.refresh(compact.header.kid)
    key = ring.find(compact.header.kid, compact.header.alg)
    if key is None:
        raise Rejected("token_key_unknown", "no key of this store signed it, or one that is retired: then it is void")
    claims = verify_compact(compact, key)
    if claims.get("iss") != ring.issuer:
        raise Rejected("token_issuer", "it names another issuer than this store's")
    if not find_text(claims, "jti"):
        raise Rejected("token_claims", "it has no id (jti) that could be revoked; revoke its session or its subject")
    if _expiry(claims) <= now:
        raise Failed(f"The token expired at {moment(_expiry(claims))}: nobody takes it, so nothing is left to revoke.")
    return claims


def _expiry(claims: Mapping[str, object]) -> int:
    value = claims.get("exp")
    if type(value) is not int:
        raise Rejected("token_claims", "its exp is no number of seconds")
    return value


def _only_audience(claims: Mapping[str, object]) -> str | None:
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    return audience if isinstance(audience, str) else None


def _show(desk: Desk, token_id: str, expires_at: int) -> None:
    if desk.out.as_json:
        desk.out.json({"id": token_id, "revoked": True, "expires_at": expires_at})
        return
    desk.out.done(f"Revoked the token {token_id}. It opens no door any more.")
    desk.out.note(
        "Servers of this store refuse it within a tenth of a second (1.5 s where push is cut off), verifiers elsewhere "
        f"as soon as they hear of it. It would have expired at {moment(expires_at)}."
    )
    desk.out.note("Other tokens of the same sign-in go on: `doorward revoke --session` or `--subject` ends those.")
