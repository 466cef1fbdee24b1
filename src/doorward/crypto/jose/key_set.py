"""The keys of one issuer, found by what a token says of its key.

Rules of this file:

* `kid` selects among the keys of this set and proves nothing; it is the presenter's own word, so it is compared and
  never used for anything else (no path, no query, no look-up elsewhere).
* Two keys that a token could not tell apart are both left out: which of them counts must not depend on their order.
"""

from collections.abc import Iterable
from typing import Final, final

from doorward.crypto.jose.verification import VerificationKey

__all__ = ["KeySet"]


@final
class KeySet:
    """The usable keys of one issuer, found by `kid` and algorithm name. Immutable.

    Args:
        keys: in any order.
        skipped: why others were left out; reasons only.
    """

    __slots__ = ("_alone", "_by_kid", "keys", "skipped")

    def __init__(self, keys: Iterable[VerificationKey], *, skipped: tuple[str, ...] = ()) -> None:
        by_kid: dict[tuple[str | None, str], list[VerificationKey]] = {}
        distinct = {(key.kid, key.algorithm, key.thumbprint): key for key in keys}
        for key in distinct.values():
            for name in key.names:
                by_kid.setdefault((key.kid, name), []).append(key)
        ambiguous = {key for (kid, _), found in by_kid.items() if kid is not None and len(found) > 1 for key in found}
        self.keys: Final = tuple(key for key in distinct.values() if key not in ambiguous)
        self.skipped: Final = skipped + tuple(
            f"key {key.kid!r}: another key of {key.algorithm} has the same `kid`" for key in ambiguous
        )
        self._by_kid: Final = {(key.kid, name): key for key in self.keys if key.kid for name in key.names}
        names = {name for key in self.keys for name in key.names}
        answering = {name: [key for key in self.keys if name in key.names] for name in names}
        self._alone: Final = {name: found[0] for name, found in answering.items() if len(found) == 1}

    def __repr__(self) -> str:
        return f"KeySet(kids={[key.kid for key in self.keys]!r}, skipped={self.skipped!r})"

    def find(self, kid: str | None, algorithm_name: str) -> VerificationKey | None:
        """The key a token means.

        Args:
            kid: of the token's header, unverified. With one, only the key of that name; without, the only key there is
                for the algorithm.
            algorithm_name: `alg` of the token's header, unverified: the key must answer to it.
        """
        if kid is None:
            return self._alone.get(algorithm_name)
        return self._by_kid.get((kid, algorithm_name))
