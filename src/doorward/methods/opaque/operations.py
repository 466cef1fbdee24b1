"""What can be done to opaque tokens, from the library, the server and the command line alike."""

from typing import Final, Protocol

from msgspec.structs import replace

from doorward.errors import Rejected
from doorward.methods.issuing import IssuingStore, event_of_issuance, grant_order, record_issuance
from doorward.methods.opaque.issue import IssuedOpaqueToken, issue_token
from doorward.methods.opaque.port import OpaquePort, OpaqueRecord, OpaqueState
from doorward.methods.token_order import TokenOrder
from doorward.revocation.folding import narrowest_owner
from doorward.revocation.operations import RevocationStore, revoke_token
from doorward.values import Actor, Change, ChangePort, CredentialId, Entropy, Watermark

__all__ = ["OpaqueIssuer", "OpaqueRevoker", "issue_opaque_token", "revoke_opaque_token"]

_FORM: Final = "opaque"


class NamedIssuer(Protocol):
    """Whoever we are as an issuer."""

    @property
    def issuer(self) -> str:
        """Exactly what our tokens say as `iss`."""
        ...


class OpaqueRevoker(RevocationStore, Protocol):
    """What is needed of a store to revoke opaque tokens."""

    @property
    def opaque_tokens(self) -> OpaquePort:
        """Finds tokens."""
        ...


class OpaqueIssuer(IssuingStore, Protocol):
    """What is needed of a store to issue opaque tokens."""

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def keyring(self) -> NamedIssuer:
        """Who we are."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where secrets come from."""
        ...


async def issue_opaque_token(
    store: OpaqueIssuer,
    order: TokenOrder,
    *,
    watermark: Watermark | None = None,
    prefix: str = "dw",
    actor: Actor | None = None,
) -> IssuedOpaqueToken:
    """A new opaque token: one read, one write.

    Args:
        store: from `open_store`.
        order: what it shall say; unverified.
        watermark: the one its sign-in inherited; None for a token that comes from no sign-in. A token of a session or
            a grant needs one.
        prefix: what secrets of this deployment start with.
        actor: who ordered it, where that is a person; then it is an event of the chain of changes.

    Raises:
        Rejected: as `grant_order`.
        Misconfigured: an event is to be written and there is no master key.
        Unavailable: `store_unavailable`.
    """
    granted = await grant_order(store, order, inherited=watermark)
    issued, change = issue_token(
        order,
        issuer=store.keyring.issuer,
        subject=granted.subject,
        watermark=granted.watermark,
        prefix=prefix,
        now=granted.now,
        entropy=store.entropy,
    )
    if actor is None:
        await store.changes.commit(change)
        await record_issuance(store, granted, token_id=issued.jti, form=_FORM)
    else:
        event = event_of_issuance(granted, token_id=issued.jti, form=_FORM, actor=actor)
        await store.changes.commit(Change(writes=change.writes, events=(event,)))
    return issued


async def revoke_opaque_token(
    store: OpaqueRevoker, token_id: CredentialId, *, reason: str, actor: Actor
) -> OpaqueRecord:
    """The token admits nobody ever again: its row is marked, and the feed has one of it.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final` when it is revoked.
        Unavailable: `store_unavailable`.
    """
    record = await store.opaque_tokens.find_opaque_token(token_id)
    if record is None:
        raise Rejected("object_unknown", "no such token, or it expired long ago")
    if record.state is OpaqueState.REVOKED:
        raise Rejected("state_final", "the token is revoked")
    owner = narrowest_owner(
        grant_id=record.grant_id, session_id=record.session_id, client_id=record.client_id, subject=record.subject
    )
    await revoke_token(
        store,
        record.id,
        expires_at=record.expires_at,
        owner=owner,
        audience=record.audience[0] if len(record.audience) == 1 else None,
        reason=reason,
        actor=actor,
    )
    return replace(record, state=OpaqueState.REVOKED, version=record.version + 1)
