"""The grammar of RFC 9651 section 4.2 as regular expressions.

Every repetition is possessive (`*+`, `{1,15}+`): nothing is ever tried twice, so the time is linear in the text
whatever a peer sends. What a possessive number leaves over (a sixteenth digit, a second dot) is never among the
characters that may follow, so it fails there.
"""

import re
from typing import Final

__all__ = ["INNER", "ITEM", "KEY", "MEMBER", "PARAMETER", "SEPARATOR", "TOKEN"]

_KEY: Final = r"[a-z*][a-z0-9_\-.*]*+"
# The usual characters in one run, then an escape and the next run: an alternation for each character takes ten times
# as long.
_STRING: Final = r'"[ !#-\[\]-~]*+(?:\\["\\][ !#-\[\]-~]*+)*+"'
_DISPLAY: Final = r'%"[ !#$&-~]*+(?:%[0-9a-f]{2}[ !#$&-~]*+)*+"'
_WORD: Final = r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+"
_NUMBER: Final = r"-?+(?:[0-9]{1,12}+\.[0-9]{1,3}+|[0-9]{1,15}+)"
_BYTES: Final = r":[A-Za-z0-9+/]*+={0,2}+:"
_BARE: Final = rf"(?:{_STRING}|{_NUMBER}|{_WORD}|{_BYTES}|\?[01]|@-?+[0-9]{{1,15}}+|{_DISPLAY})"
_PARAMETER: Final = rf";[ ]*+{_KEY}(?:={_BARE})?+"
_PARAMETERS: Final = rf"(?:{_PARAMETER})*+"
_INNER: Final = rf"\([ ]*+(?:{_BARE}{_PARAMETERS}(?:[ ]++|(?=\))))*+\)"

KEY: Final = re.compile(_KEY)
"""A key of a dictionary or parameter."""
TOKEN: Final = re.compile(_WORD)
"""A token."""
PARAMETER: Final = re.compile(rf";[ ]*+({_KEY})(?:=({_BARE}))?+")
"""One parameter: its key, and its value as text; no value means true."""
ITEM: Final = re.compile(rf"({_BARE})({_PARAMETERS})")
"""An item: its bare item and its parameters, as text."""
INNER: Final = re.compile(rf"({_INNER})({_PARAMETERS})")
"""An inner list: its items in parentheses and its parameters, as text."""
MEMBER: Final = re.compile(rf"({_KEY})(?:=(?:({_INNER})|({_BARE})))?+({_PARAMETERS})")
"""A member of a dictionary: key, inner list or bare item or neither (true), parameters, as text."""
SEPARATOR: Final = re.compile(r"[ \t]*+,[ \t]*+")
"""What stands between members."""
