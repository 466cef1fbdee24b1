"""What can be taken back besides credentials of the store, from the management API and the command line alike.

Rules of this file:

* One `Change` each: the rows of the feed, what is voided in the store, and the audit event. Nothing is revoked that is
  not on record, and nothing is on record that was not revoked.
* Doing it twice is fine: a final row stays, an epoch moves forward and takes along what was issued in between.
* Nothing has to exist. A stateless token, a session or a person is known here by name only; whoever mistypes it has
  revoked nothing, which is why the commands repeat the name.
* A row of a subject, client or organization is an epoch: what is issued later is good again. Grants, sessions and
  tokens end for good.
"""

from typing import Final, Protocol

from msgspec.structs import replace

from doorward.errors import Rejected
from doorward.revocation.folding import EPOCH_LIFETIME_S
from doorward.revocation.sectors import SectorSource
from doorward.revocation.voiding import Order, Revoked, order_of, void
from doorward.revocation.writes import HoldingsPort, OrganizationCredentialsRevoked, SectorsExpected
from doorward.values import Actor, Change, ChangePort, Clock, FeedKind, Handle, OrganizationId
from doorward.values.bounds import parse_organization_id

__all__ = ["NAMED_KINDS", "TOKEN_LIFETIME_S_MAX", "RevocationStore", "revoke_client", "revoke_grant", "revoke_named"]
__all__ += ["revoke_organization", "revoke_session", "revoke_subject", "revoke_token"]

TOKEN_LIFETIME_S_MAX: Final = 86_400
"""How long an access token of ours lives at most: how long a row is kept for one whose end nobody said."""
FOREIGN_LEEWAY_S: Final = 300
"""How much longer than its `exp` a row is kept for another issuer's token: as long as a verifier may forgive."""
NAMED_KINDS: Final = (
    FeedKind.SUBJECT,
    FeedKind.TOKEN,
    FeedKind.SESSION,
    FeedKind.GRANT,
    FeedKind.CLIENT,
    FeedKind.ORGANIZATION,
)
"""What `revoke_named` takes."""
_ATTEMPTS: Final = 3


class RevocationStore(Protocol):
    """What is needed of a store to revoke what stands outside it."""

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def sectors(self) -> SectorSource:
        """Who knows subjects by another name."""
        ...

    @property
    def holdings(self) -> HoldingsPort:
        """What the store holds that is revoked along."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...


async def revoke_token(
    store: RevocationStore,
    jti: str,
    *,
    expires_at: int | None = None,
    owner: Handle | None = None,
    audience: str | None = None,
    issuer: str | None = None,
    organization_id: OrganizationId | None = None,
    reason: str,
    actor: Actor,
) -> Revoked:
    """One token opens no door ever again.

    Args:
        store: the store.
        jti: its id.
        expires_at: its `exp`; None when it is not known: then the row is kept as long as a token of ours may live, or
            for a foreign issuer as long as anything is.
        owner: from `folding.narrowest_owner`, of the same issuer and without its prefix. Without one the row counts
            against nobody: only for people who revoke by hand.
        audience: the only resource that has to know; None when there are several. To be said of a token with a derived
            subject: its owner is folded for that sector, and a fold for everybody would be withheld from it.
        issuer: of a foreign token; None for ours.
        organization_id: whose audit trail shall show it.
        reason: 1 to 500 characters.
        actor: who revokes.

    Raises:
        Rejected: `input_invalid`.
        Unavailable: `store_unavailable`.
    """
    order = _order(store, FeedKind.TOKEN, jti, issuer, reason, actor)
    if expires_at is None:
        expires_at = order.now + (TOKEN_LIFETIME_S_MAX if order.issuer is None else EPOCH_LIFETIME_S)
    elif order.issuer is not None:
        # Verifiers forgive another issuer's clock: a token is taken for a while after its end.
        expires_at += FOREIGN_LEEWAY_S
    told = replace(order, organization_id=organization_id)
    return await _commit(store, *void(told, leave_at=expires_at, audience=audience, owner=owner))


async def revoke_session(
    store: RevocationStore, session_id: str, *, issuer: str | None = None, reason: str, actor: Actor
) -> Revoked:
    """Every token of one sign-in ends for good. Raises as `revoke_token`."""
    return await _commit(store, *void(_order(store, FeedKind.SESSION, session_id, issuer, reason, actor)))


async def revoke_grant(
    store: RevocationStore, grant_id: str, *, issuer: str | None = None, reason: str, actor: Actor
) -> Revoked:
    """Every token of one consent ends for good. Raises as `revoke_token`."""
    return await _commit(store, *void(_order(store, FeedKind.GRANT, grant_id, issuer, reason, actor)))


async def revoke_client(
    store: RevocationStore, client_id: str, *, issuer: str | None = None, reason: str, actor: Actor
) -> Revoked:
    """Everything a client was issued up to now is void, for every person. Raises as `revoke_token`."""
    return await _commit(store, *void(_order(store, FeedKind.CLIENT, client_id, issuer, reason, actor)))


async def revoke_subject(
    store: RevocationStore, subject: str, *, issuer: str | None = None, reason: str, actor: Actor
) -> Revoked:
    """Everything a person (or whatever else the subject is) was issued up to now is void, at every resource.

    A subject of ours is named once more for each sector, by the name that resource knows.

    Raises:
        Rejected: `input_invalid`; `object_conflict` when sectors are registered faster than this can be repeated.
        Misconfigured: there are sectors and no master key to derive names with.
        Unavailable: `store_unavailable`.
    """
    order = _order(store, FeedKind.SUBJECT, subject, issuer, reason, actor)
    if order.issuer is not None:
        return await _commit(store, *void(order))
    for attempt in range(1, _ATTEMPTS + 1):
        sectors = await store.sectors.read_sectors()
        derived = tuple((sector, sectors.name_of(subject, sector)) for sector in sectors.names)
        try:
            return await _commit(store, *void(order, derived=derived, writes=(SectorsExpected(len(derived)),)))
        except Rejected as error:
            if error.code != "object_conflict" or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


async def revoke_organization(
    store: RevocationStore, organization_id: str, *, issuer: str | None = None, reason: str, actor: Actor
) -> Revoked:
    """Everything an organization was issued up to now is void; its API keys, app passwords, signature keys and the
    secrets of its webhook senders are revoked for good.

    Its apps and senders stay, and may be given new ones. Raises as `revoke_token`.
    """
    order = _order(store, FeedKind.ORGANIZATION, organization_id, issuer, reason, actor)
    if order.issuer is not None:
        return await _commit(store, *void(order))
    own = parse_organization_id(organization_id)
    # Counted before: a key made in this very moment is revoked, and not counted.
    held = await store.holdings.count_credentials(own)
    return await _commit(store, *void(order, held=held, writes=(OrganizationCredentialsRevoked(own),)))


async def revoke_named(
    store: RevocationStore, kind: FeedKind, presented_id: str, *, issuer: str | None = None, reason: str, actor: Actor
) -> Revoked:
    """Whichever of `NAMED_KINDS` it is. Raises as the operation of its kind."""
    match kind:
        case FeedKind.TOKEN:
            operation: _Operation = revoke_token
        case FeedKind.SUBJECT:
            operation = revoke_subject
        case FeedKind.ORGANIZATION:
            operation = revoke_organization
        case FeedKind.SESSION:
            operation = revoke_session
        case FeedKind.GRANT:
            operation = revoke_grant
        case FeedKind.CLIENT:
            operation = revoke_client
        case _:
            raise Rejected("input_invalid", f"a {kind.value} is not revoked by name")
    return await operation(store, presented_id, issuer=issuer, reason=reason, actor=actor)


class _Operation(Protocol):
    async def __call__(
        self, store: RevocationStore, presented_id: str, /, *, issuer: str | None, reason: str, actor: Actor
    ) -> Revoked: ...


def _order(
    store: RevocationStore, kind: FeedKind, presented_id: str, issuer: str | None, reason: str, actor: Actor
) -> Order:
    return order_of(kind, presented_id, issuer=issuer, reason=reason, actor=actor, now=int(store.clock()))


async def _commit(store: RevocationStore, change: Change, revoked: Revoked) -> Revoked:
    return replace(revoked, position=await store.changes.commit(change))
