"""What is asked for when a key is made or changed, and what is handed out. Nothing here is checked yet."""

from collections.abc import Mapping
from typing import TypeAlias, final

import msgspec

from doorward.methods.apikey.config import EXPIRES_IN_S, Never
from doorward.methods.apikey.port import KeyRecord
from doorward.methods.rotation import GrantChanges
from doorward.values import AppId, Environment, RateLimit, Scopes

__all__ = ["IssuedKey", "KeyChanges", "KeyOrder"]


@final
class KeyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key shall be. Unverified: `issue_key` checks every field against the limits in `values/bounds.py`.

    `networks` empty means from anywhere; `rate` None means no limit; `expires_in_s` is 1 second to 10 years.
    """

    app_id: AppId
    name: str
    environment: Environment = Environment.LIVE
    scopes: Scopes = Scopes()
    networks: tuple[str, ...] = ()
    rate: RateLimit | None = None
    expires_in_s: int | Never = EXPIRES_IN_S
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    prefix: str = "dw"


KeyChanges: TypeAlias = GrantChanges
"""What shall be different about a key."""


@final
class IssuedKey(msgspec.Struct, frozen=True):
    """A new key and its text, which exists nowhere else and is shown once."""

    record: KeyRecord
    text: str

    def __repr__(self) -> str:
        return f"IssuedKey(record={self.record!r}, text=<secret>)"

    def __rich_repr__(self) -> list[tuple[str, KeyRecord]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("record", self.record)]
