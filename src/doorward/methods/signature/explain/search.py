"""The search: keys and pieces against the signature that came, the fewest changes first.

A proxy changes scheme, host, path and query in one go, so up to four pieces of the target count as one change; beside
them one other thing may have changed, or two other things without them. Which pieces go together is enumerated and not
filtered: of forty fields there are a hundred thousand sets of four. Every attempt is paid for (`explaining/work.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Final, final

import msgspec

from doorward.crypto.signatures import SignatureAlgorithm
from doorward.methods.explaining import STEP_UNITS, Change, Work
from doorward.methods.signature.explain.keys import KeyTry
from doorward.methods.signature.explain.pieces import Alternative, BaseOf, Pieces

__all__ = ["ONE_CHANGE", "SEVERAL_CHANGES", "Fit", "Group", "Search"]

TOGETHER_MAX: Final = 4
"""How many pieces may be other at a time."""
TOLD_APART_MAX: Final = 2
"""How many things may have happened to one request: what a proxy did to the target, a field, the key."""
ONE_CHANGE: Final = range(2)
"""None or one."""
SEVERAL_CHANGES: Final = range(2, TOGETHER_MAX + 2)
"""Two; more where they are of the target."""
FITS_MAX: Final = 8
"""How many fits of the fewest changes are kept."""

_BASE_UNITS: Final = 15_000
_BASE_OCTET_UNITS: Final = 6
_UNITS: Final[Mapping[SignatureAlgorithm, int]] = {
    SignatureAlgorithm.HMAC_SHA256: 5_000,
    SignatureAlgorithm.ED25519: 130_000,
    SignatureAlgorithm.ECDSA_P256_SHA256: 90_000,
    SignatureAlgorithm.ECDSA_P384_SHA384: 500_000,
    SignatureAlgorithm.RSA_PSS_SHA512: 60_000,
    SignatureAlgorithm.RSA_V1_5_SHA256: 60_000,
}


@final
class Group(msgspec.Struct, frozen=True):
    """Alternatives of which one at a time may hold."""

    alternatives: Sequence[Alternative]
    of_target: bool = False


@final
class Fit(msgspec.Struct, frozen=True):
    """What makes the signature fit. A proof, not a guess."""

    key_id: str
    changes: tuple[Change, ...]
    pieces: Mapping[str, bytes]


@final
class Search:
    """One search, of one or several signatures. `work`: what every attempt is paid from."""

    def __init__(self, work: Work) -> None:
        self.work: Final = work
        self.tried = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was to be tried was tried."""
        return not self.work.ended

    def find(
        self, base_of: BaseOf, received: Pieces, groups: Sequence[Group], keys: Sequence[KeyTry], *, totals: range
    ) -> list[Fit]:
        """The fits with the fewest changes, the likeliest first; none when nothing fits.

        Args:
            base_of: makes the base.
            received: the pieces as they came.
            groups: what may have been otherwise, the likeliest first.
            keys: the named one first.
            totals: how many changes there may be.
        """
        for total in totals:
            found: list[Fit] = []
            for key in keys:
                for subset in _subsets(groups, total, key):
                    if not self.work.take(STEP_UNITS):
                        return found
                    found += self._try(base_of, received, subset, key, FITS_MAX - len(found))
                    if len(found) >= FITS_MAX:
                        return found
            if found:
                return found
        return []

    def _try(
        self, base_of: BaseOf, received: Pieces, subset: Sequence[Group], key: KeyTry, wanted: int
    ) -> Iterator[Fit]:
        verifier = key.key.verifier
        for chosen in product(*(group.alternatives for group in subset)):
            if wanted <= 0 or not self.work.take(_BASE_UNITS):
                return
            pieces = dict(received)
            for alternative in chosen:
                pieces.update(alternative.pieces)
            base = base_of.base(pieces)
            if base is None:
                continue
            if not self.work.take(_UNITS[verifier.algorithm] + _BASE_OCTET_UNITS * len(base)):
                return
            self.tried += 1
            if verifier.has_signed(pieces["signature"], base):
                changes = key.changes + tuple(alternative.change for alternative in chosen)
                yield Fit(key.key.id, changes, pieces)
                wanted -= 1


def _subsets(groups: Sequence[Group], total: int, key: KeyTry) -> Iterator[tuple[Group, ...]]:
    """Which pieces may be other at a time, `total` changes with those of the key: most of them of the target first."""
    target = [group for group in groups if group.of_target]
    others = [group for group in groups if not group.of_target]
    wanted = total - len(key.changes)
    for of_target in range(min(wanted, TOGETHER_MAX), -1, -1):
        if wanted - of_target + len(key.changes) + bool(of_target) <= TOLD_APART_MAX:
            for first in combinations(target, of_target):
                for rest in combinations(others, wanted - of_target):
                    yield (*first, *rest)
