"""The master key file: how master keys are written down, generated and rotated.

Rules of this file:

* One key a line, `id:base64url` of 32 bytes; the last line is the current key, the older ones still open what they
  sealed. Empty lines and lines that begin with `#` are passed over. Nothing else is tolerated: a key that is read
  differently from how it was meant loses data.
* What is wrong is told by line number, never by content.
* Where the text comes from (a file that nobody else may read, an environment variable) is `app`'s business.
"""

import base64
import re
from typing import Final

from doorward.crypto.sealing import MASTER_KEY_BYTES, MasterKeys
from doorward.errors import Misconfigured
from doorward.values import Entropy

__all__ = ["KEY_ID", "MASTER_KEYS_MAX", "generate_master_key", "parse_master_keys", "rotate_master_keys"]

MASTER_KEYS_MAX: Final = 64
"""How many keys a deployment may hold."""
TEXT_CHARACTERS_MAX: Final = 65_536
DISTINCT_OCTETS_MIN: Final = 12
"""32 random octets hold fewer than this many different ones about once in 10^15; a typed password or zeros do."""

KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
"""What the id of a master key looks like."""
_LINE: Final = re.compile(r"([A-Za-z0-9._-]{1,32}):([A-Za-z0-9_-]{43})=?")
_NUMBERED: Final = re.compile(r"k([1-9][0-9]{0,8})")
_CURE: Final = "Put back the file from its backup, or make a new one with `doorward init` if nothing was sealed yet."


def parse_master_keys(text: str, *, entropy: Entropy) -> MasterKeys:
    """Read a master key file.

    Args:
        text: the whole file, ≤ 65,536 characters and ≤ 64 keys.
        entropy: where the nonces of sealing come from.

    Raises:
        Misconfigured: with the number of the line that is wrong.
    """
    keys = _parse(text)
    return MasterKeys(keys, current=list(keys)[-1], entropy=entropy)


def generate_master_key(entropy: Entropy, *, key_id: str = "k1") -> str:
    """A file with one new key. The answer is a secret."""
    assert KEY_ID.fullmatch(key_id), "a master key id that does not parse"
    key = entropy(MASTER_KEY_BYTES)
    return f"{key_id}:{base64.urlsafe_b64encode(key).decode().rstrip('=')}\n"


def rotate_master_keys(text: str, entropy: Entropy) -> str:
    """The same file with a new current key after the old ones, which stay until everything is sealed again.

    Raises:
        Misconfigured: the file does not parse, or holds 64 keys already.
    """
    keys = _parse(text)
    if len(keys) >= MASTER_KEYS_MAX:
        raise Misconfigured("The master key file is full.", cure="Remove the oldest, under which nothing is sealed.")
    numbers = [int(match[1]) for match in map(_NUMBERED.fullmatch, keys) if match]
    return text.rstrip("\r\n") + "\n" + generate_master_key(entropy, key_id=f"k{max(numbers, default=0) + 1}")


def _parse(text: str) -> dict[str, bytes]:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise Misconfigured("The master key file is far too long to be one.", cure=_CURE)
    keys: dict[str, bytes] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        key_id, key = _parse_line(line, number)
        if key_id in keys or key in keys.values():
            raise Misconfigured(f"Line {number} of the master key file repeats a key or an id.", cure=_CURE)
        keys[key_id] = key
    if not keys:
        raise Misconfigured("The master key file holds no key.", cure=_CURE)
    if len(keys) > MASTER_KEYS_MAX:
        raise Misconfigured(f"The master key file holds more than {MASTER_KEYS_MAX} keys.", cure=_CURE)
    return keys


def _parse_line(line: str, number: int) -> tuple[str, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Misconfigured(f"Line {number} of the master key file is not `id:base64url of 32 bytes`.", cure=_CURE)
    key_id, encoded = match[1], match[2]
    key = base64.urlsafe_b64decode(encoded + "=")
    # The last character carries two spare bits: two spellings of one key would be two keys to a careless eye.
    if base64.urlsafe_b64encode(key).decode().rstrip("=") != encoded:
        raise Misconfigured(f"Line {number} of the master key file was altered or mistyped.", cure=_CURE)
    if len(set(key)) < DISTINCT_OCTETS_MIN:
        raise Misconfigured(
            f"Line {number} of the master key file is not a random key.", cure="Make one with `doorward init`."
        )
    return key_id, key
