"""Where the secrets of a sender come from. The port; a list in the program is one, a sealed table another."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, final, runtime_checkable

from doorward.crypto.hashing import sha256_digest
from doorward.methods.webhook.secrets import WebhookSecret, require_few_active
from doorward.values import FeedKind, Handle

__all__ = ["FixedSecrets", "SecretSource", "sender_handle"]


def sender_handle(sender: str) -> Handle:
    """What rows of the feed about a sender's secrets name. Hashed: verifiers elsewhere get the feed, not the names."""
    return Handle(FeedKind.CREDENTIAL, f"sender_{sha256_digest(sender.encode()).hex()[:32]}")


@runtime_checkable
class SecretSource(Protocol):
    """Finds the secrets of a sender."""

    async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:
        """Every secret that is or will be active, in the order they are tried; empty when there is no such sender.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...


@final
class FixedSecrets:
    """Secrets the program has, of its one sender.

    Args:
        secrets: them, or what answers them; asked again after a minute at most. Never shown.

    Raises:
        Misconfigured: more than 8 of them are active at some time.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Sequence[WebhookSecret] | Callable[[], Sequence[WebhookSecret]]) -> None:
        if not callable(secrets):
            require_few_active(secrets, 0)
        self._secrets: Final = secrets

    async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:  # noqa: ARG002  # the port's parameter
        """See `SecretSource`."""
        return tuple(self._secrets() if callable(self._secrets) else self._secrets)
