"""What is asked for when an app password is made, and what is handed out. Nothing here is checked yet."""

from typing import final

import msgspec

from doorward.methods.basic.config import EXPIRES_IN_S
from doorward.methods.basic.port import PasswordRecord
from doorward.values import AppId, Scopes

__all__ = ["IssuedPassword", "PasswordOrder"]


@final
class PasswordOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a new app password shall be. Unverified: `issue_password` checks every field.

    `expires_in_s` is 1 second to 366 days.
    """

    app_id: AppId
    name: str
    scopes: Scopes = Scopes()
    expires_in_s: int = EXPIRES_IN_S
    prefix: str = "dw"


@final
class IssuedPassword(msgspec.Struct, frozen=True):
    """A new app password and its text, which exists nowhere else and is shown once. The user-id is `record.app_id`."""

    record: PasswordRecord
    text: str

    def __repr__(self) -> str:
        return f"IssuedPassword(record={self.record!r}, text=<secret>)"

    def __rich_repr__(self) -> list[tuple[str, PasswordRecord]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("record", self.record)]
