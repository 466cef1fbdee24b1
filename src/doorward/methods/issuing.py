"""What comes before and after every issuance, whatever form the token takes.

Before: the order is checked, the subject gets the name the resource may know, and the feed is asked (one read) whether
everything the token would rest on still stands. After: somebody is told. Who, depends on who ordered:

* a program (a token endpoint, a library): the batched log of verifications and issuances, and nothing is written;
* a person at a command line or a page (`actor`): the chain of changes, since whoever can mint a token for anybody must
  not be able to do so unseen.
"""

from typing import Final, Protocol, final

import msgspec

from doorward.errors import Rejected
from doorward.methods.plane import Plane
from doorward.methods.standing import StandingPort
from doorward.methods.token_order import TokenOrder, handles_of, parse_order
from doorward.revocation.sectors import SectorSource
from doorward.values import Actor, Clock, CredentialId, Event, Handle, MethodName, OrganizationId, Watermark

__all__ = ["ISSUANCE", "Granted", "IssuingStore", "event_of_issuance", "grant_order", "record_issuance"]

ISSUANCE: Final = MethodName("issuance")
"""What the log of verifications calls an issuance, where it has the name of a method."""


class IssuingStore(Protocol):
    """What is needed of a store before and after an issuance."""

    @property
    def standing(self) -> StandingPort:
        """Tells what no longer stands."""
        ...

    @property
    def sectors(self) -> SectorSource:
        """Knows under which names resources know subjects."""
        ...

    @property
    def plane(self) -> Plane:
        """Has the log."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...


@final
class Granted(msgspec.Struct, frozen=True):
    """An order that may be carried out: under which name, with which watermark, at what time.

    `own_names`: what sectors among the audiences call the client, where the token is its own; separated by spaces.
    """

    order: TokenOrder
    subject: str
    watermark: Watermark
    now: int
    own_names: str | None = None


async def grant_order(store: IssuingStore, order: TokenOrder, *, inherited: Watermark | None) -> Granted:
    """Check an order, and that nothing it rests on is revoked.

    Args:
        store: see `IssuingStore`.
        order: unverified.
        inherited: the watermark of the sign-in the token comes from; None: it comes from none, and then it is of no
            session and of no grant.

    Raises:
        Rejected: `input_invalid`; `object_unknown` for a sector that is not registered; `credential_revoked` when the
            session, the grant, the client, the subject or the organization was revoked (after the sign-in).
        Unavailable: `store_unavailable`.
    """
    now = int(store.clock())
    parse_order(order, now=now)
    if inherited is None and not (order.session_id is None and order.grant_id is None):
        # Counted from now, a token of an old sign-in would outlive the revocation of its subject a moment ago.
        raise Rejected("input_invalid", "a token of a session or a grant needs the watermark of its sign-in")
    standing = await store.standing.read_standing(_rests_on(order), inherited, order.audience)
    if standing.revoked is not None:
        raise Rejected("credential_revoked", f"the {standing.revoked.kind.value} was revoked, or since the sign-in")
    subject = await _name_subject(store, order, standing.sectors)
    own_names = await _name_client(store, order, standing.sectors)
    return Granted(order, subject, inherited or standing.watermark, now, own_names)


async def _name_subject(store: IssuingStore, order: TokenOrder, registered: frozenset[str]) -> str:
    """The subject as the resource is to know it.

    Of a resource that is a sector nobody learns a person's own name, whether the caller thought of it or not; and a
    token that two resources read would tell each of them who the other's subject is.
    """
    if order.subject is None:
        return order.client_id
    sector = order.pairwise_sector
    if sector is None and not registered:
        return order.subject
    sector = order.audience[0] if sector is None else sector
    if order.audience != (sector,):
        raise Rejected("input_invalid", "a token with a derived subject is for its sector and nobody else")
    return (await store.sectors.read_sectors()).name_of(order.subject, sector)


async def _name_client(store: IssuingStore, order: TokenOrder, registered: frozenset[str]) -> str | None:
    """The names under which a revocation of the client as a subject reaches the sectors its own token is for.

    The token says the client's own name, and a row that says that is withheld from them: it could be a person's.
    """
    if order.subject is not None or not registered:
        return None
    sectors = await store.sectors.read_sectors()
    return " ".join(sectors.name_of(order.client_id, sector) for sector in order.audience if sector in registered)


async def record_issuance(store: IssuingStore, granted: Granted, *, token_id: str, form: str) -> None:
    """Tell the log of verifications and issuances.

    Raises:
        Misconfigured: the log cannot be written.
        Unavailable: `store_unavailable`.
    """
    if not store.plane.started:
        # What runs in the background writes the log; without it the record would be lost unseen.
        await store.plane.start()
    order = granted.order
    store.plane.verifications.record(
        granted.now,
        ISSUANCE,
        CredentialId(token_id),
        granted.subject,
        _organization(order),
        None,
        None,
        f"ISSUE {form} to {order.client_id} for {' '.join(order.audience)}"[:200],
    )


def event_of_issuance(granted: Granted, *, token_id: str, form: str, actor: Actor) -> Event:
    """The event of a token somebody ordered by hand."""
    order = granted.order
    return Event(
        at=granted.now,
        action="token.issued",
        actor=actor,
        object_kind="token",
        object_id=token_id,
        organization_id=_organization(order),
        details={
            "form": form,
            "subject": granted.subject,
            "client_id": order.client_id,
            "audience": " ".join(order.audience),
            "scopes": str(order.scopes),
            "expires_at": granted.now + order.lifetime_s,
        },
    )


def _rests_on(order: TokenOrder) -> tuple[Handle, ...]:
    # By the subject's own name: a revocation of the person names that beside every derived one.
    return handles_of(
        token_id=None,
        client_id=order.client_id,
        subject=order.client_id if order.subject is None else order.subject,
        session_id=order.session_id,
        grant_id=order.grant_id,
        organization_id=order.organization_id,
    )


def _organization(order: TokenOrder) -> OrganizationId | None:
    return None if order.organization_id is None else OrganizationId(order.organization_id)
