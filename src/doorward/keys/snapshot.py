"""One reading of a ring: what verifies, what signs, what is published, and when something is due. Immutable."""

import logging
from collections.abc import Sequence
from typing import Final, final

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import KeySet, UnusableKey, VerificationKey, parse_jwk
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.keys.config import RingPolicy
from doorward.keys.jwks import PublishedKeys, write_jwks
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState
from doorward.keys.lifecycle import Due, find_due
from doorward.keys.moves import find_key
from doorward.keys.signer import open_private

__all__ = ["RingSnapshot", "read_ring"]

_LOG: Final = logging.getLogger("doorward.keys")


@final
class RingSnapshot:
    """See the module."""

    __slots__ = ("current", "due", "keys", "kids", "published")

    def __init__(
        self,
        keys: KeySet,
        kids: frozenset[str],
        current: SigningKeyRecord | None,
        published: PublishedKeys,
        due: Due,
    ) -> None:
        self.keys: Final = keys
        self.kids: Final = kids
        self.current: Final = current
        self.published: Final = published
        self.due: Final = due


def read_ring(
    ring: Sequence[SigningKeyRecord], policy: RingPolicy, master_keys: MasterKeys | None, now: int
) -> RingSnapshot:
    """What the stored keys come to. A key that cannot be used is left out and logged; the others still verify."""
    usable = {record.kid: key for record in ring if (key := _verification_key(record, master_keys)) is not None}
    published = write_jwks(record for record in ring if record.kid in usable)
    return RingSnapshot(
        keys=KeySet(tuple(usable.values())),
        kids=frozenset(usable),
        current=find_key(ring, SigningKeyState.CURRENT),
        published=published,
        due=find_due(ring, policy, now),
    )


def _verification_key(record: SigningKeyRecord, master_keys: MasterKeys | None) -> VerificationKey | None:
    try:
        if record.algorithm is Algorithm.HS256:
            # Whoever verifies with it could sign with it, so only a process with the master key does.
            return None if master_keys is None else open_private(record, master_keys).verification
        jwk = {**record.public_jwk, "kid": record.kid, "alg": record.algorithm.value}
        return parse_jwk(jwk, algorithms=frozenset({record.algorithm}))
    except (UnusableKey, Misconfigured) as error:
        _LOG.warning("the signing key %s cannot be used: %s", record.kid, error)
        return None
