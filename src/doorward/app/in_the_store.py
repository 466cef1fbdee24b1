"""How a method is told that what it goes by is in its store, and not in the program."""

from enum import Enum, auto
from typing import Final, final

__all__ = ["IN_THE_STORE", "Stored"]


@final
class Stored(Enum):
    """A value of its own: None is what a variable answers that is not set, and must not widen who is admitted."""

    IN_THE_STORE = auto()

    def __repr__(self) -> str:
        return self.name


IN_THE_STORE: Final = Stored.IN_THE_STORE
"""They are in the store: what is meant when an argument is left out."""
