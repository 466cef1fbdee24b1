"""Decisions by scope and by kind of principal.

Rules of this file (invariant 11):

* What is not said is refused: a principal without scopes has none, and a kind that was not asked for does not pass.
* A decision is made after the proof, so a refusal may name the scopes that are missing (RFC 6750 section 3.1).
* The answer is a `Decision` with reasons or `Rejected`; never a bool, which somebody would forget to look at.
"""

from typing import final

import msgspec

from doorward.errors import Rejected
from doorward.values import Principal, PrincipalKind, Scopes

__all__ = ["Decision", "decide"]


@final
class Decision(msgspec.Struct, frozen=True):
    """Why a principal may pass. There is no decision that says no: that is `Rejected`."""

    reasons: tuple[str, ...]
    """`proven`, `kind:app`, `scope:orders:read`: what was asked and held, sorted within its kind."""


def decide(principal: Principal, require: Scopes | None = None, kind: PrincipalKind | None = None) -> Decision:
    """Whether `principal`, already proven, may pass a door that requires these scopes and this kind.

    Args:
        principal: proven by a method in this request.
        require: every one of these scopes is needed; None or empty asks for a proof alone.
        kind: the only kind of principal that passes; None lets every kind pass.

    Raises:
        Rejected: `principal_kind`; `scope_insufficient` with `missing_scopes`.
    """
    reasons = ["proven"]
    if kind is not None:
        if principal.kind is not kind:
            raise Rejected("principal_kind", f"{principal.kind.value} at a door for {kind.value}")
        reasons.append(f"kind:{kind.value}")
    if require is not None:
        if not require <= principal.scopes:
            missing = require.missing_from(principal.scopes)
            raise Rejected("scope_insufficient", f"missing {' '.join(missing)}", missing_scopes=missing)
        reasons += [f"scope:{token}" for token in require]
    return Decision(tuple(reasons))
