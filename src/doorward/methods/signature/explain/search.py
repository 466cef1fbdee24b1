"""The search: keys and pieces against the signature that came, the fewest changes first.

A proxy changes scheme, host, path and query in one go, so up to four pieces of the target count as one change; beside
them one other thing may have changed, or two other things without them. The search is bounded by what it costs, not by
time, so that the same request gets the same answer everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Final, final

import msgspec

from doorward.crypto.signatures import SignatureAlgorithm
from doorward.methods.explaining import Change
from doorward.methods.signature.explain.keys import KeyTry
from doorward.methods.signature.explain.pieces import Alternative, BaseOf, Pieces

__all__ = ["ONE_CHANGE", "SEVERAL_CHANGES", "Fit", "Group", "Search"]

SEARCH_COST_MAX: Final = 600_000
"""How much one explanation may try, in microseconds of a slow core."""
TOGETHER_MAX: Final = 4
"""How many pieces may be other at a time."""
ONE_CHANGE: Final = range(2)
"""None or one."""
SEVERAL_CHANGES: Final = range(2, TOGETHER_MAX + 2)
"""Two; more where they are of the target."""
FITS_MAX: Final = 8
"""How many fits of the fewest changes are kept."""

_ATTEMPT_COST: Final = 15
_COST: Final[Mapping[SignatureAlgorithm, int]] = {
    SignatureAlgorithm.HMAC_SHA256: 5,
    SignatureAlgorithm.ED25519: 130,
    SignatureAlgorithm.ECDSA_P256_SHA256: 90,
    SignatureAlgorithm.ECDSA_P384_SHA384: 500,
    SignatureAlgorithm.RSA_PSS_SHA512: 60,
    SignatureAlgorithm.RSA_V1_5_SHA256: 60,
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
    """One search, of one or several signatures, within `SEARCH_COST_MAX`."""

    def __init__(self) -> None:
        self._left = SEARCH_COST_MAX
        self.tried = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was to be tried was tried."""
        return self._left > 0

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
                others = total - len(key.changes)
                for subset in combinations(groups, others) if others >= 0 else ():
                    if _is_plausible(subset, key):
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
            if self._left <= 0 or wanted <= 0:
                return
            pieces = dict(received)
            for alternative in chosen:
                pieces.update(alternative.pieces)
            base = base_of.base(pieces)
            if base is None:
                self._left -= 2
            else:
                self._left -= _ATTEMPT_COST + _COST[verifier.algorithm] + len(base) // 200
                self.tried += 1
                if verifier.has_signed(pieces["signature"], base):
                    changes = key.changes + tuple(alternative.change for alternative in chosen)
                    yield Fit(key.key.id, changes, pieces)
                    wanted -= 1


def _is_plausible(subset: Sequence[Group], key: KeyTry) -> bool:
    of_target = sum(group.of_target for group in subset)
    others = len(subset) - of_target + len(key.changes)
    return others + bool(of_target) <= 2 and of_target <= TOGETHER_MAX
