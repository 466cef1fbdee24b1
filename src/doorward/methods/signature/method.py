"""Signed requests as the pipeline sees them: first the headers are proven, then the body as it streams, then the nonce.

Rules of this file:

* One signature counts: the only one there is, or the only one of the label and tag this door asks for. Which of several
  was meant is never guessed.
* Whoever has proven the key learns whether it is revoked, disabled, expired or bound to another network; nobody else.
* A nonce is remembered by its key for as long as any copy of its request could be accepted: until the signature is too
  old, and as long again as a body may take that was begun in the last second.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from math import ceil
from typing import Final, Protocol, final

import msgspec

from doorward.errors import Misconfigured, Rejected
from doorward.methods.claims import CLOCK_SLACK_S, Claim
from doorward.methods.contract import OpenApiScheme, Presented, Verified, arrival_s_max
from doorward.methods.plane import Plane, plane_of
from doorward.methods.signature.components import Message, message_of
from doorward.methods.signature.config import (
    CHECKED_BODY_BYTES_LIMIT,
    CHECKED_BODY_BYTES_MAX,
    CoverageProfile,
)
from doorward.methods.signature.profiles import DEFAULT_PROFILE
from doorward.methods.signature.sources import LoadedKey, SignatureKeySource
from doorward.methods.signature.verify import VerifiedSignature, may_count, verify_signature
from doorward.methods.signature.wire import Glimpse, PresentedSignature, parse_signatures
from doorward.values import FeedKind, Handle, MethodName, Principal, PrincipalKind, RestsOn
from doorward.wire.challenge import build_challenge
from doorward.wire.request import RequestView

__all__ = ["METHOD", "HeldKey", "PresentedRequest", "RequestSignatures", "SignatureConfig", "SignatureStore"]

METHOD: Final = MethodName("signature")
_NO_END: Final = 2**62


class SignatureStore(Protocol):
    """What is needed of a store: where nonces are claimed, and what tells that a key was taken back."""

    @property
    def plane(self) -> Plane:
        """What the methods of the store share."""
        ...


@final
class SignatureConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which signed requests a door takes.

    Args:
        profile: what a signature must cover, and which of several counts.
        body_bytes_max: how large a body may be whose digest is signed.

    Raises:
        Misconfigured: a nonce without `created`, which would have to be remembered for ever; a size out of range.
    """

    profile: CoverageProfile = DEFAULT_PROFILE
    body_bytes_max: int = CHECKED_BODY_BYTES_MAX

    def __post_init__(self) -> None:
        if self.takes_nonce and "created" not in self.profile.parameters:
            raise Misconfigured(
                f"The profile {self.profile.name} asks for a nonce and not for when it was made.",
                cure='Demand "created" too: a nonce is remembered until its signature is too old.',
            )
        if not 0 < self.body_bytes_max <= CHECKED_BODY_BYTES_LIMIT:
            raise Misconfigured(
                f"body_bytes_max={self.body_bytes_max} is out of range.",
                cure=f"Choose 1 to {CHECKED_BODY_BYTES_LIMIT}.",
            )

    @property
    def takes_nonce(self) -> bool:
        """Whether a request counts once."""
        return "nonce" in self.profile.parameters


@final
class PresentedRequest(Presented, frozen=True):
    """A request with the one signature that counts. `lookup_id` is the id of the key: 1 to 256 characters."""

    signature: PresentedSignature
    message: Message


class _Standing(msgspec.Struct, frozen=True):
    """What follows from a key alone, once it was proven."""

    not_after: int
    networks: tuple[IPv4Network | IPv6Network, ...]
    principal: Principal
    handles: tuple[RestsOn, ...]


@final
class HeldKey:
    """A key as it is kept in the cache. `standing` is worked out when it is first proven, and kept."""

    __slots__ = ("key", "standing")

    def __init__(self, key: LoadedKey) -> None:
        self.key: Final = key
        self.standing: _Standing | None = None

    def __repr__(self) -> str:
        return f"HeldKey({self.key!r})"


@final
class RequestSignatures:
    """Admits requests that were signed (RFC 9421), each once. Made by `doorward.SignedRequests`."""

    __slots__ = ("_source", "bearer_carried", "checked_body_bytes_max", "config", "counts_use", "name", "plane")

    def __init__(self, store: SignatureStore, config: SignatureConfig, source: SignatureKeySource) -> None:
        self.config: Final = config
        self.name: Final = METHOD
        self.plane: Final[Plane | None] = plane_of(store)
        self.bearer_carried: Final = False
        self.counts_use: Final = True
        self.checked_body_bytes_max: Final = config.body_bytes_max
        self._source: Final = source

    def __repr__(self) -> str:
        return f"RequestSignatures(profile={self.config.profile.name!r})"

    def extract(self, request: RequestView) -> PresentedRequest | None:
        """The signature that counts; None when there is none, or none of the label and tag that count here.

        Raises:
            Rejected: `signature_malformed`, `signature_component`; `credential_conflict` for several that may count.
        """
        profile = self.config.profile
        message = message_of(request, request.authority)
        presented = parse_signatures(message, profile.structured_fields, self._choose)
        if not presented or not may_count(profile, presented[0].label, presented[0].said.tag):
            return None
        return PresentedRequest(presented[0].lookup_id, presented[0], message)

    def _choose(self, glimpses: Sequence[Glimpse]) -> Sequence[Glimpse]:
        counting = [one for one in glimpses if may_count(self.config.profile, one.label, one.tag)]
        if len(counting) > 1:
            raise Rejected("credential_conflict", "several signatures; name the label or the tag that counts here")
        return counting

    async def load(self, presented: PresentedRequest) -> HeldKey | None:
        """The key of that id."""
        key = await self._source.find_key(presented.lookup_id)
        return None if key is None else HeldKey(key)

    def verify(self, presented: PresentedRequest, record: HeldKey | None, request: RequestView, now: int) -> Verified:
        """Prove the headers; the body is what `body_check` says, at its end.

        Raises:
            Rejected: see `verify.verify_signature`; after the proof also `credential_revoked`, `credential_disabled`,
                `app_suspended`, `credential_expired`, `credential_network`.
        """
        verifier = None if record is None else record.key.verifier
        proven = verify_signature(presented.signature, verifier, presented.message, self.config.profile, now)
        assert record is not None, "nobody's key has signed nothing"
        standing = record.standing or _work_out(record)
        _require_usable(record.key, standing, request.client, now)
        return Verified(
            principal=msgspec.structs.replace(standing.principal, claims=_said(proven)),
            handles=standing.handles,
            rate=record.key.rate,
            claim=self._claim(proven) if self.config.takes_nonce else None,
            body_check=proven.body(),
        )

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        """`Signature`, with the profile that is demanded: a name for people, as RFC 9421 has no challenge."""
        return (build_challenge("Signature", realm="doorward", profile=self.config.profile.name),)

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """The signature header."""
        return (OpenApiScheme("http_signature", {"type": "apiKey", "in": "header", "name": "Signature"}),)

    def _claim(self, proven: VerifiedSignature) -> Claim:
        said, profile = proven.signature.said, self.config.profile
        assert said.nonce is not None, "the profile demands it"
        assert said.created is not None, "the configuration sees to it"
        last = said.created + profile.age_s_max
        if said.expires is not None:
            last = min(last, said.expires - 1)
        takes_s = ceil(arrival_s_max(self.config.body_bytes_max if proven.expected else 0))
        return Claim(owner=f"{METHOD} {proven.key_id}", key=said.nonce, keep_until=last + takes_s + CLOCK_SLACK_S)


def _work_out(held: HeldKey) -> _Standing:
    key = held.key
    handles = [Handle(FeedKind.CREDENTIAL, key.id)]
    if key.app_id is not None:
        handles.append(Handle(FeedKind.APP, key.app_id))
    if key.organization_id is not None:
        handles.append(Handle(FeedKind.ORGANIZATION, key.organization_id))
    principal = Principal(
        kind=PrincipalKind.APP,
        id=key.id if key.app_id is None else key.app_id,
        name=key.app_name,
        method=METHOD,
        credential_id=key.id,
        scopes=key.scopes,
        organization_id=key.organization_id,
        not_after=key.expires_at,
        metadata=key.metadata,
    )
    held.standing = standing = _Standing(
        _NO_END if key.expires_at is None else key.expires_at,
        tuple(ip_network(network) for network in key.networks),
        principal,
        tuple(handles),
    )
    return standing


def _require_usable(key: LoadedKey, standing: _Standing, client: IPv4Address | IPv6Address | None, now: int) -> None:
    if key.barred is not None:
        raise Rejected(key.barred, "the key's state, or its app's")
    if now >= standing.not_after:
        raise Rejected("credential_expired", "the key has expired")
    networks = standing.networks
    if networks and (client is None or not any(client in network for network in networks)):
        raise Rejected("credential_network", "the client is outside the key's networks")


def _said(proven: VerifiedSignature) -> dict[str, object]:
    """What the signer says, for the handler: `covered` above all, since the rest of a request is nobody's word."""
    said = proven.signature.said
    told = {"created": said.created, "expires": said.expires, "nonce": said.nonce, "tag": said.tag}
    return {"covered": proven.covered, "label": proven.signature.label} | {
        name: value for name, value in told.items() if value is not None
    }
