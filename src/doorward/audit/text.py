"""Making recorded text harmless where it is shown: terminals, tables, spreadsheets, log viewers.

Rules of this file:

* What is stored is what happened; it is neutralised on the way out, never on the way in.
* A terminal obeys control characters (ECMA-48), a reader is misled by bidirectional ones (Unicode TR 36 section 2.4,
  CVE-2021-42574), a spreadsheet runs what begins like a formula (OWASP, CSV Injection). All of them can be sent in a
  header or a path by anyone.
"""

import re
from typing import Final

__all__ = ["escape_json", "neutralise_cell", "neutralise_text"]

# The full-width forms are taken for the ASCII ones by spreadsheets of East Asian locales.
_FORMULA_STARTS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
_BEYOND_ASCII: Final = re.compile(r"[^\x20-\x7e]")


def neutralise_text(text: str) -> str:
    r"""For tables on a terminal: everything that is not printable appears as `\x1b`, `\u202e`, …

    What a table library itself interprets (the markup of `rich`) is its caller's to escape.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _visible(character) for character in text)


def neutralise_cell(text: str) -> str:
    """For CSV: as `neutralise_text`, and a cell that would be a formula begins with an apostrophe.

    Tabs and carriage returns, which spreadsheets skip before they look for a formula, are visible text by then.
    """
    shown = neutralise_text(text)
    return f"'{shown}" if shown.lstrip()[:1] in _FORMULA_STARTS and shown.strip() else shown


def escape_json(encoded: bytes) -> bytes:
    r"""The same JSON with every character outside printable ASCII as `\uXXXX`, so that `cat` shows it harmlessly.

    `encoded` is JSON as msgspec writes it: such characters occur inside strings only.
    """
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _BEYOND_ASCII.sub(_json_escape, encoded.decode()).encode()


def _visible(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if ord(character) > 0x7F else repr(character)[1:-1]


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
