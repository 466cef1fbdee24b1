"""Prove an API key. Pure: no clock, no store.

Order: the secret first and in constant time; only who has proven it learns that the key is revoked, disabled,
expired, of another environment or bound to another network (invariant 3). An unknown id does the work of a wrong
secret. The checksum plays no part here: it is public arithmetic.

Everything that depends on the record alone is worked out once, at the first proof, and kept with it: a warm request
costs one hash, one comparison and a few tests.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, final

import msgspec

from doorward.crypto.hashing import SHA256_BYTES, constant_time_equal, sha256_digest
from doorward.errors import Rejected
from doorward.methods.apikey.port import KeyRecord
from doorward.methods.apikey.wire import PresentedKey
from doorward.methods.contract import Verified
from doorward.methods.owned_credential import barred_by_state
from doorward.values import Environment, FeedKind, Handle, MethodName, Principal, PrincipalKind

__all__ = ["METHOD", "LoadedKey", "Proof", "verify_key"]

METHOD: Final = MethodName("apikey")

_NO_END: Final = 2**62
_NOBODYS_DIGEST: Final = bytes(SHA256_BYTES)


@final
class Proof(msgspec.Struct, frozen=True):
    """What follows from a record alone, once its secret was proven."""

    barred: str | None
    """The refusal code this key has whoever asks, until it is loaded again; None when there is none."""
    not_after: int
    environment: Environment
    networks: tuple[IPv4Network | IPv6Network, ...]
    verified: Verified


@final
class LoadedKey:
    """A record as it is kept in the cache. `proof` is worked out when the secret is first proven, and kept."""

    __slots__ = ("proof", "record", "secret_digest")

    def __init__(self, record: KeyRecord) -> None:
        self.record: Final = record
        self.secret_digest: Final = record.secret_digest
        self.proof: Proof | None = None

    def __repr__(self) -> str:
        return f"LoadedKey({self.record!r})"


def _work_out(loaded: LoadedKey) -> Proof:
    record = loaded.record
    principal = Principal(
        kind=PrincipalKind.APP,
        id=record.app_id,
        name=record.app_name,
        method=METHOD,
        credential_id=record.id,
        scopes=record.scopes,
        organization_id=record.organization_id,
        environment=record.environment,
        not_after=record.expires_at,
        metadata=record.metadata,
    )
    handles = [Handle(FeedKind.CREDENTIAL, record.id), Handle(FeedKind.APP, record.app_id)]
    if record.organization_id is not None:
        handles.append(Handle(FeedKind.ORGANIZATION, record.organization_id))
    loaded.proof = proof = Proof(
        barred=barred_by_state(record),
        not_after=_NO_END if record.expires_at is None else record.expires_at,
        environment=record.environment,
        networks=tuple(ip_network(network) for network in record.networks),
        verified=Verified(principal=principal, handles=tuple(handles), rate=record.rate),
    )
    return proof


def verify_key(
    presented: PresentedKey,
    loaded: LoadedKey | None,
    environment: Environment,
    client: IPv4Address | IPv6Address | None,
    now: int,
) -> Verified:
    """What the key proves.

    Args:
        presented: unverified.
        loaded: the record of that id; None when there is none.
        environment: the door's.
        client: by the rule for trusted hops.
        now: epoch seconds, by our own clock; no leeway (invariant 13).

    Raises:
        Rejected: `credential_unknown` and `credential_secret_mismatch` (one answer from outside); after the proof
            `credential_revoked`, `credential_disabled`, `app_suspended`, `credential_expired`,
            `credential_environment`, `credential_network`, in this order.
    """
    # The comparison must happen in both cases: without it an unknown id would answer sooner.
    matches = constant_time_equal(
        sha256_digest(presented.secret), _NOBODYS_DIGEST if loaded is None else loaded.secret_digest
    )
    if loaded is None:
        raise Rejected("credential_unknown", "no key of this id")
    if not matches:
        raise Rejected("credential_secret_mismatch", "the secret of this key is another")
    # Only now: worked out before the proof, a wrong secret would answer later than an unknown id.
    proof = loaded.proof or _work_out(loaded)
    if proof.barred is not None:
        raise Rejected(proof.barred, "the key's state, or its app's")
    if now >= proof.not_after:
        raise Rejected("credential_expired", "the key has expired")
    if proof.environment is not environment:
        raise Rejected("credential_environment", f"a {proof.environment} key at a {environment} door")
    if proof.networks and (client is None or not any(client in network for network in proof.networks)):
        raise Rejected("credential_network", "the client is outside the key's networks")
    return proof.verified
