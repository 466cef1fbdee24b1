"""What to do about a refusal, where the rooms below say only what it is: they know no command.

An answer that ends with "no" sends people to the documentation; the next command does not.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["find_next_step", "without_arguments"]

_STEPS: Final[Sequence[tuple[re.Pattern[str], str]]] = [
    (re.compile(words), step)
    for words, step in (
        (r"no such signature key", "`doorward signatures keys list` shows them."),
        (r"no such key", "`doorward keys list` shows them."),
        (r"no such app password", "`doorward passwords list` shows them."),
        (r"no such app", "`doorward apps list` shows them."),
        (r".* was rotated before, to \S+", "Rotate that one, its successor."),
        (r"the (?:signature )?key has expired", "It cannot be revived: create a new one."),
        (r"the (?:signature )?key is revoked", "Create a new one."),
        (r"the app is revoked", "Create a new app."),
    )
]
_GIVEN: Final = re.compile(
    r"(Got unexpected extra arguments?(?:\(s\))? \(|No such command ')(.*)(\)|')(\.?[^)']*)", re.DOTALL
)
_SHOWN_CHARACTERS_MAX: Final = 19
_KEPT_BY_THE_SHELL: Final = " If what was given is a secret, the shell's history has it: make another."


def find_next_step(detail: str | None) -> str | None:
    """The sentence that goes on from a private detail; None where there is none, or it says so itself."""
    return next((step for words, step in _STEPS if words.fullmatch(detail or "")), None)


def without_arguments(message: str, *, takes_secrets: bool) -> str:
    """A message about arguments nobody asked for, without those that may be secrets.

    Somebody gives a secret where a file is wanted. The terminal has it by then; a log need not get it too.

    Args:
        message: of the parser of the command line.
        takes_secrets: the command wants a secret in another way, so whatever is given here is one.
    """
    found = _GIVEN.fullmatch(message)
    if found is None:
        return message
    words = found[2].split(" ")
    shown = ["…" if takes_secrets or len(word) > _SHOWN_CHARACTERS_MAX else word for word in words]
    if shown == words:
        return message
    return f"{found[1]}{' '.join(shown)}{found[3]}{found[4].rstrip('.')}.{_KEPT_BY_THE_SHELL}"
