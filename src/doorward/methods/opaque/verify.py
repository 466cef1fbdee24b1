"""Prove an opaque token. Pure: no clock, no store.

Order: the secret first and in constant time; only who has proven it learns that the token is revoked, expired or for
another resource (invariant 3). An unknown id does the work of a wrong secret. The checksum plays no part here.

The proof carries the watermark of the record, as a signed token carries it: an epoch about anything the token rests on
voids it by comparison, not only by the write that marks the row. A token inserted while that write ran is void all the
same.
"""

from typing import Final, final

import msgspec

from doorward.crypto.hashing import SHA256_BYTES, constant_time_equal, sha256_digest
from doorward.errors import Rejected
from doorward.methods.contract import Verified
from doorward.methods.opaque.port import OpaqueRecord, OpaqueState
from doorward.methods.proven_claims import ProvenClaims
from doorward.methods.token_order import handles_of, write_watermark
from doorward.values import MethodName, Principal, PrincipalKind

__all__ = ["METHOD", "LoadedToken", "OpaqueProof", "claims_of", "prove_opaque_token", "verify_opaque_token"]

METHOD: Final = MethodName("opaque")

_NOBODYS_DIGEST: Final = bytes(SHA256_BYTES)


@final
class OpaqueProof(msgspec.Struct, frozen=True):
    """What follows from a record alone, once its secret was proven."""

    is_revoked: bool
    not_after: int
    audiences: frozenset[str]
    verified: Verified


@final
class LoadedToken:
    """A record as it is kept in the cache. `proof` is worked out when the secret is first proven, and kept."""

    __slots__ = ("proof", "record", "secret_digest")

    def __init__(self, record: OpaqueRecord) -> None:
        self.record: Final = record
        self.secret_digest: Final = record.secret_digest
        self.proof: OpaqueProof | None = None

    def __repr__(self) -> str:
        return f"LoadedToken({self.record!r})"


def claims_of(record: OpaqueRecord) -> dict[str, object]:
    """What a signed token of the same order would say."""
    wanted: tuple[tuple[str, object], ...] = (
        ("iss", record.issuer),
        ("sub", record.subject),
        ("aud", record.audience[0] if len(record.audience) == 1 else list(record.audience)),
        ("client_id", record.client_id),
        ("scope", str(record.scopes) or None),
        ("iat", record.issued_at),
        ("exp", record.expires_at),
        ("jti", record.id),
        ("sid", record.session_id),
        ("org_id", record.organization_id),
        ("dw_grant", record.grant_id),
        ("dw_wm", write_watermark(record.watermark)),
    )
    claims = {name: value for name, value in wanted if value is not None}
    return claims | {name: value for name, value in record.claims.items() if name not in claims}


def prove_opaque_token(presented_secret: bytes, loaded: LoadedToken | None, now: int) -> OpaqueProof:
    """What the token proves, whatever resource it is for.

    Raises:
        Rejected: `credential_unknown` and `credential_secret_mismatch` (one answer from outside); after the proof
            `credential_revoked`, `credential_expired`, in this order.
    """
    # The comparison must happen in both cases: without it an unknown id would answer sooner.
    matches = constant_time_equal(
        sha256_digest(presented_secret), _NOBODYS_DIGEST if loaded is None else loaded.secret_digest
    )
    if loaded is None:
        raise Rejected("credential_unknown", "no token of this id")
    if not matches:
        raise Rejected("credential_secret_mismatch", "the secret of this token is another")
    # Only now: worked out before the proof, a wrong secret would answer later than an unknown id.
    proof = loaded.proof or _work_out(loaded)
    if proof.is_revoked:
        raise Rejected("credential_revoked", "it was revoked")
    if now >= proof.not_after:
        raise Rejected("credential_expired", "it has expired")
    return proof


def verify_opaque_token(
    presented_secret: bytes, loaded: LoadedToken | None, audiences: frozenset[str], now: int
) -> Verified:
    """What the token proves to a resource.

    Args:
        presented_secret: the whole text, unverified.
        loaded: the record of that id; None when there is none.
        audiences: what the resource is called; the token must be for one of them.
        now: epoch seconds, by our own clock; no leeway (invariant 13).

    Raises:
        Rejected: as `prove_opaque_token`, then `token_audience`.
    """
    proof = prove_opaque_token(presented_secret, loaded, now)
    if proof.audiences.isdisjoint(audiences):
        raise Rejected("token_audience", "the token is for another resource")
    return proof.verified


def _work_out(loaded: LoadedToken) -> OpaqueProof:
    record = loaded.record
    principal = Principal(
        kind=PrincipalKind.APP if record.subject == record.client_id else PrincipalKind.PERSON,
        id=record.subject,
        name=record.subject,
        method=METHOD,
        credential_id=record.id,
        scopes=record.scopes,
        organization_id=record.organization_id,
        not_after=record.expires_at,
        issuer=record.issuer,
        client_id=record.client_id,
        session_id=record.session_id,
        claims=ProvenClaims(claims_of(record)),
    )
    handles = handles_of(
        token_id=record.id,
        client_id=record.client_id,
        subject=record.subject,
        session_id=record.session_id,
        grant_id=record.grant_id,
        organization_id=record.organization_id,
    )
    loaded.proof = proof = OpaqueProof(
        # A state that is not known here bars too (invariant 11).
        is_revoked=record.state is not OpaqueState.ACTIVE,
        not_after=record.expires_at,
        audiences=frozenset(record.audience),
        verified=Verified(principal=principal, handles=handles, since=record.watermark),
    )
    return proof
