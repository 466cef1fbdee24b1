"""Decisions by scope and by kind of principal.

Rules of this file (invariant 11):

* What is not said is refused: a principal without scopes has none, and a kind that was not asked for does not pass.
* A decision is made after the proof, so a refusal may name the scopes that are missing (RFC 6750 section 3.1).
* The answer is a `Decision` with reasons or `Rejected`; never a bool, which somebody would forget to look at.
"""

from typing import Final, final

import msgspec

from doorward.errors import Rejected
from doorward.values import Principal, PrincipalKind, Scopes

__all__ = ["Decision", "Rule", "decide"]


@final
class Decision(msgspec.Struct, frozen=True):
    """Why a principal may pass. There is no decision that says no: that is `Rejected`."""

    reasons: tuple[str, ...]
    """`proven`, `kind:app`, `scope:orders:read`: what was asked and held, sorted within its kind."""


@final
class Rule:
    """What a door asks of a principal that is proven. Made once: a yes is the same value every time.

    Args:
        require: every one of these scopes is needed; None or empty asks for a proof alone.
        kind: the only kind of principal that passes; None lets every kind pass.
    """

    __slots__ = ("_kind", "_tokens", "_yes", "require")

    def __init__(self, require: Scopes | None = None, kind: PrincipalKind | None = None) -> None:
        self.require: Final = require
        self._kind: Final = kind
        self._tokens: Final = frozenset[str]() if require is None else require.tokens
        reasons = ["proven"]
        if kind is not None:
            reasons.append(f"kind:{kind.value}")
        self._yes: Final = Decision((*reasons, *(f"scope:{token}" for token in sorted(self._tokens))))

    def decide(self, principal: Principal) -> Decision:
        """Whether `principal`, proven by a method in this request, may pass.

        Raises:
            Rejected: `principal_kind`; `scope_insufficient` with `missing_scopes`.
        """
        if self._kind is not None and principal.kind is not self._kind:
            raise Rejected("principal_kind", f"{principal.kind.value} at a door for {self._kind.value}")
        if not self._tokens <= principal.scopes.tokens:
            missing = tuple(sorted(self._tokens - principal.scopes.tokens))
            raise Rejected("scope_insufficient", f"missing {' '.join(missing)}", missing_scopes=missing)
        return self._yes


def decide(principal: Principal, require: Scopes | None = None, kind: PrincipalKind | None = None) -> Decision:
    """One decision by a rule made for it; see `Rule`."""
    return Rule(require, kind).decide(principal)
