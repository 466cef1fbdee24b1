"""Keys as JSON (RFC 7517), each with the one algorithm it is used with."""

from typing import Protocol

__all__ = ["VerificationKey"]


class VerificationKey(Protocol):
    """Placeholder."""

    @property
    def kid(self) -> str | None:
        """Placeholder."""
        ...
