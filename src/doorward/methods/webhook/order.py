"""What is asked for when a sender or a secret is made, and what is handed out. Nothing here is checked yet."""

from typing import final

import msgspec

from doorward.methods.webhook.port import SecretRecord
from doorward.values import OrganizationId

__all__ = ["IssuedSecret", "SecretOrder", "SenderOrder"]


@final
class SenderOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a new sender shall be. Unverified: `issue_sender` checks it."""

    name: str
    """1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first."""
    scheme: str
    """A name of `schemes.SCHEMES`."""
    organization_id: OrganizationId | None = None


@final
class SecretOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a new secret shall be. Unverified, like the order of a sender.

    `text` is the secret as the sender writes it; None has one made, where the scheme lets the receiver choose. Times
    are epoch seconds; None for `not_before` means from now, for `not_after` without end.
    """

    sender: str
    text: str | None = None
    not_before: int | None = None
    not_after: int | None = None
    prefix: str = "dw"
    """What a text that is made begins with, where the scheme takes any text: a scanner of leaks finds it by that."""

    def __repr__(self) -> str:
        return f"SecretOrder(sender={self.sender!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("sender", self.sender)]


@final
class IssuedSecret(msgspec.Struct, frozen=True):
    """A new secret. `text` is there when it was made here: it is shown once, so that the sender can be told."""

    record: SecretRecord
    text: str | None

    def __repr__(self) -> str:
        return f"IssuedSecret(record={self.record!r})"

    def __rich_repr__(self) -> list[tuple[str, SecretRecord]]:
        # As above.
        return [("record", self.record)]
