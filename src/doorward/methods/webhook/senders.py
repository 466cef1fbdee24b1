"""Where the secrets of a sender come from. The port; a list in the program is one, a sealed table another."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, final, runtime_checkable

from doorward.methods.webhook.secrets import WebhookSecret

__all__ = ["FixedSecrets", "SecretSource"]


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
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Sequence[WebhookSecret] | Callable[[], Sequence[WebhookSecret]]) -> None:
        self._secrets: Final = secrets

    async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:  # noqa: ARG002  # the port's parameter
        """See `SecretSource`."""
        return tuple(self._secrets() if callable(self._secrets) else self._secrets)
