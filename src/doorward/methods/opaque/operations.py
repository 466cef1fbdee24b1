"""What can be done to opaque tokens, from the library, the server and the command line alike."""

from typing import Final, Protocol

from doorward.errors import Rejected
from doorward.methods.issuing import IssuingStore, event_of_issuance, grant_order, record_issuance
from doorward.methods.opaque.issue import IssuedOpaqueToken, issue_token, revoke_token
from doorward.methods.opaque.port import OpaquePort, OpaqueRecord
from doorward.methods.token_order import TokenOrder
from doorward.values import Actor, Change, ChangePort, Clock, CredentialId, Entropy, Watermark

__all__ = ["OpaqueChanges", "OpaqueIssuer", "issue_opaque_token", "revoke_opaque_token"]

_FORM: Final = "opaque"


class NamedIssuer(Protocol):
    """Whoever we are as an issuer."""

    @property
    def issuer(self) -> str:
        """Exactly what our tokens say as `iss`."""
        ...


class OpaqueChanges(Protocol):
    """What is needed of a store to revoke opaque tokens."""

    @property
    def opaque_tokens(self) -> OpaquePort:
        """Finds tokens."""
        ...

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
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
        watermark: the one its sign-in inherited; None for a token that comes from no sign-in, or from this moment.
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
    store: OpaqueChanges, token_id: CredentialId, *, reason: str, actor: Actor
) -> OpaqueRecord:
    """The token admits nobody ever again.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final` when it is revoked.
        Unavailable: `store_unavailable`.
    """
    try:
        return await _revoke_once(store, token_id, reason=reason, actor=actor)
    except Rejected as error:
        if error.code != "object_conflict":
            raise
    # Only a revocation changes a row: the second look finds it, and says so.
    return await _revoke_once(store, token_id, reason=reason, actor=actor)


async def _revoke_once(store: OpaqueChanges, token_id: CredentialId, *, reason: str, actor: Actor) -> OpaqueRecord:
    record = await store.opaque_tokens.find_opaque_token(token_id)
    if record is None:
        raise Rejected("object_unknown", "no such token, or it expired long ago")
    revoked, change = revoke_token(record, reason=reason, actor=actor, now=int(store.clock()))
    await store.changes.commit(change)
    return revoked
