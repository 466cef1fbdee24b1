"""What you may touch. A `Decision` is never an identity, and a `Principal` is never a permission."""

from doorward.access.scopes import Decision, Rule, decide

__all__ = ["Decision", "Rule", "decide"]
