"""Prove an app password. Pure: no clock, no store.

Order: user-id and secret first, together and in constant time; only who has proven both learns that the password is
revoked, disabled or expired (invariant 3). An unknown id, and a password that has not our form at all, do the work of
a wrong secret.
"""

from typing import Final, final

import msgspec

from doorward.crypto.hashing import SHA256_BYTES, constant_time_equal, sha256_digest
from doorward.errors import Rejected
from doorward.methods.basic.port import PasswordRecord
from doorward.methods.basic.wire import PresentedPassword
from doorward.methods.contract import Verified
from doorward.methods.owned_credential import barred_by_state
from doorward.values import FeedKind, Handle, MethodName, Principal, PrincipalKind
from doorward.wire.request import Header

__all__ = ["METHOD", "LoadedPassword", "Proof", "verify_password"]

METHOD: Final = MethodName("basic")

_NOBODYS_DIGEST: Final = bytes(SHA256_BYTES)


@final
class Proof(msgspec.Struct, frozen=True):
    """What follows from a record alone, once its secret was proven."""

    barred: str | None
    """The refusal code this password has whoever asks, until it is loaded again; None when there is none."""
    verified: Verified


@final
class LoadedPassword:
    """A record as it is kept in the cache. `proof` is worked out when the secret is first proven, and kept."""

    __slots__ = ("answer_headers", "proof", "record")

    def __init__(self, record: PasswordRecord, answer_headers: tuple[Header, ...]) -> None:
        self.record: Final = record
        self.answer_headers: Final = answer_headers
        self.proof: Proof | None = None

    def __repr__(self) -> str:
        return f"LoadedPassword({self.record!r})"


def _work_out(loaded: LoadedPassword) -> Proof:
    record = loaded.record
    principal = Principal(
        kind=PrincipalKind.APP,
        id=record.app_id,
        name=record.app_name,
        method=METHOD,
        credential_id=record.id,
        scopes=record.scopes,
        organization_id=record.organization_id,
        not_after=record.expires_at,
    )
    handles = [Handle(FeedKind.CREDENTIAL, record.id), Handle(FeedKind.APP, record.app_id)]
    if record.organization_id is not None:
        handles.append(Handle(FeedKind.ORGANIZATION, record.organization_id))
    verified = Verified(principal=principal, handles=tuple(handles), answer_headers=loaded.answer_headers)
    loaded.proof = proof = Proof(barred=barred_by_state(record), verified=verified)
    return proof


def verify_password(presented: PresentedPassword, loaded: LoadedPassword | None, *, now: int) -> Verified:
    """What the password proves.

    Args:
        presented: unverified.
        loaded: the record of that id; None when there is none.
        now: epoch seconds, by our own clock; no leeway (invariant 13).

    Raises:
        Rejected: `credential_unknown` and `credential_secret_mismatch` (one answer from outside); after the proof
            `credential_revoked`, `credential_disabled`, `app_suspended`, `credential_expired`, in this order.
    """
    # Both comparisons happen in every case: without them an unknown id or a wrong user-id would answer sooner.
    secret_matches = constant_time_equal(
        sha256_digest(presented.secret), _NOBODYS_DIGEST if loaded is None else loaded.record.secret_digest
    )
    user_matches = constant_time_equal(
        presented.user_id.encode(), b"" if loaded is None else loaded.record.app_id.encode()
    )
    if loaded is None:
        raise Rejected("credential_unknown", "no app password of this id, or not of its form")
    if not (secret_matches and user_matches):
        raise Rejected("credential_secret_mismatch", "the secret or the user-id of this password is another")
    # Only now: worked out before the proof, a wrong secret would answer later than an unknown id.
    proof = loaded.proof or _work_out(loaded)
    if proof.barred is not None:
        raise Rejected(proof.barred, "the password's state, or its app's")
    if now >= loaded.record.expires_at:
        raise Rejected("credential_expired", "the password has expired")
    return proof.verified
