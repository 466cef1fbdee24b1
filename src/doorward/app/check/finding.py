"""What a check tells: what is wrong, why that matters, and what to change."""

from typing import final

import msgspec

__all__ = ["Finding"]


@final
class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is unsafe, or due. No secret and no value of a secret setting is in it."""

    what: str
    why: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}. {self.why}. {self.cure}."
