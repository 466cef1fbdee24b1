"""What one revocation consists of. Pure: from what was asked to the `Change` that does it, and what is told of it."""

from typing import final

import msgspec
from msgspec.structs import asdict, replace

from doorward.revocation.folding import EPOCH_LIFETIME_S
from doorward.revocation.naming import parse_handle, parse_issuer
from doorward.revocation.writes import HeldCredentials, OpaqueTokensRevoked
from doorward.values import EPOCH_KINDS, Actor, Change, Event, FeedKind, Handle, OrganizationId, Revocation, Write
from doorward.wire.reason import parse_reason

__all__ = ["Order", "Revoked", "order_of", "void"]


@final
class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be revoked, parsed: of which issuer (None: ours), why, by whom, when (epoch seconds).

    `organization_id` is whose audit trail shows it, besides the operator's.
    """

    handle: Handle
    id: str
    issuer: str | None
    reason: str
    actor: Actor
    now: int
    organization_id: OrganizationId | None = None


@final
class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `later_is_good`: whether what is issued from now on opens doors again.

    `leave_at` is the epoch second from which the row may be forgotten, because nothing it names can be alive;
    `sectors` how many resources are told by the name they know; `keys`, `passwords`, `signature_keys` and
    `webhook_secrets` how many went along; `position` where the feed stands now.
    """

    kind: FeedKind
    id: str
    issuer: str | None
    at: int
    leave_at: int
    later_is_good: bool
    position: int = 0
    sectors: int = 0
    keys: int = 0
    passwords: int = 0
    signature_keys: int = 0
    webhook_secrets: int = 0


def order_of(kind: FeedKind, presented_id: str, *, issuer: str | None, reason: str, actor: Actor, now: int) -> Order:
    """What was asked, checked. Raises `Rejected("input_invalid")`."""
    abroad = None if issuer is None else parse_issuer(issuer)
    ours = kind is FeedKind.ORGANIZATION and abroad is None
    return Order(
        handle=parse_handle(kind, presented_id, issuer=abroad),
        id=presented_id,
        issuer=abroad,
        reason=parse_reason(reason),
        actor=actor,
        now=now,
        organization_id=OrganizationId(presented_id) if ours else None,
    )


def void(
    order: Order,
    *,
    leave_at: int | None = None,
    audience: str | None = None,
    owner: Handle | None = None,
    derived: tuple[tuple[str, str], ...] = (),
    held: HeldCredentials | None = None,
    writes: tuple[Write, ...] = (),
) -> tuple[Change, Revoked]:
    """The change, and what was done once it is committed.

    Args:
        order: from `order_of`.
        leave_at: when the row may leave; None: as late as anything may live.
        audience: the only resource that has to know.
        owner: what the row of a token counts against; without the issuer's prefix.
        derived: sectors, and the name each knows.
        held: what goes along, counted before.
        writes: what else is changed.
    """
    if owner is not None and order.issuer is not None:
        owner = Handle(owner.kind, f"{order.issuer} {owner.id}")
    leaves = order.now + EPOCH_LIFETIME_S if leave_at is None else leave_at
    row = Revocation(handle=order.handle, leave_at=leaves, audience=audience, owner=owner)
    rows = (
        row,
        *(replace(row, handle=Handle(order.handle.kind, name), audience=sector) for sector, name in derived),
    )
    # What another issuer gave out is not in our store.
    own: tuple[Write, ...] = () if order.issuer is not None else (OpaqueTokensRevoked(order.handle.kind, order.id),)
    event = _event(order, sectors=len(derived), held=held)
    revoked = Revoked(
        kind=order.handle.kind,
        id=order.id,
        issuer=order.issuer,
        at=order.now,
        leave_at=leaves,
        later_is_good=order.handle.kind in EPOCH_KINDS,
        sectors=len(derived),
        keys=0 if held is None else held.keys,
        passwords=0 if held is None else held.passwords,
        signature_keys=0 if held is None else held.signature_keys,
        webhook_secrets=0 if held is None else held.webhook_secrets,
    )
    return Change(writes=(*own, *writes), revocations=rows, events=(event,)), revoked


def _event(order: Order, *, sectors: int, held: HeldCredentials | None) -> Event:
    kind = order.handle.kind
    details: dict[str, str | int | None] = {}
    if order.issuer is not None:
        details["issuer"] = order.issuer
    if sectors:
        details["sectors"] = sectors
    if held is not None:
        details |= asdict(held)
    return Event(
        at=order.now,
        action=f"{kind.value}.revoked",
        actor=order.actor,
        object_kind=kind.value,
        object_id=order.id,
        organization_id=order.organization_id,
        reason=order.reason,
        details=details,
    )
