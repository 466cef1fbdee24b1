"""Form bodies written again: other escapes, another order. Parsing and writing a form keeps its meaning only.

A body that is JSON may have been a form as well: GitHub (where a form is chosen) and the interactive messages of Slack
send JSON as the one field `payload`, and what hands on the field alone hands on what nobody has signed.
"""

import re
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from doorward.methods.explaining.change import RAW_BODY_CURE, Change, Variant
from doorward.methods.explaining.work import STEP_UNITS, Work

__all__ = ["form_bodies", "reordered_forms", "unpacked_forms"]

FIELDS_MAX: Final = 1_000
"""How many fields a form may have for its forms to be tried."""

FIELDS_REORDERED_MAX: Final = 12
"""How many fields a form may have for each of them to be tried in every place."""
FIELDS_PERMUTED_MAX: Final = 5
"""How many for every order of them to be tried."""
REORDERED_OCTETS_MAX: Final = 16_384
"""How long a form may be for its fields to be put in another order."""

_OCTET_UNITS: Final = 400
_FIELD_UNITS: Final = 20_000
_FORM: Final = re.compile(rb"[^=&\s{}\[\]<>]{1,200}=[^\s{}<>]*")
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")


def _writer(safe: str, *, plus: bool) -> Callable[[bytes], bytes]:
    def write(text: bytes) -> bytes:
        written = quote(text, safe=safe + (" " if plus else ""))
        return (written.replace(" ", "+") if plus else written).encode("ascii")

    return write


_WRITERS: Final = (
    ("spaces written as +", _writer("", plus=True)),
    ("spaces written as %20", _writer("", plus=False)),
    ("escaped as browsers do", _writer("*", plus=True)),
    ("escaped as JavaScript's encodeURIComponent does", _writer("!'()*", plus=False)),
)


def form_bodies(body: bytes, work: Work) -> Iterator[Variant[bytes]]:
    """Other ways to write a form; nothing when the body is none."""
    if _FORM.fullmatch(body) is None or body.count(b"&") >= FIELDS_MAX:
        return
    # All of them together: each octet is read, and written in four ways.
    if not work.take(STEP_UNITS + len(body) * _OCTET_UNITS + body.count(b"&") * _FIELD_UNITS):
        return
    fields = body.split(b"&")
    yield Variant(b"&".join(sorted(fields)), (_change("its fields are sorted"),))
    yield Variant(b"&".join(reversed(fields)), (_change("its fields are in reverse order"),))
    yield Variant(_PERCENT.sub(lambda found: found[0].upper(), body), (_change("its escapes are in upper case"),))
    yield Variant(_PERCENT.sub(lambda found: found[0].lower(), body), (_change("its escapes are in lower case"),))
    pairs = [field.partition(b"=") for field in fields]
    texts = [(_read(name), equals, _read(value)) for name, equals, value in pairs]
    for words, write in _WRITERS:
        written = [write(name) + equals + write(value) for name, equals, value in texts]
        yield Variant(b"&".join(written), (_change(words),))
        yield Variant(b"&".join(sorted(written)), (_change(f"its fields are sorted and {words}"),))
    yield Variant(unquote_to_bytes(body.replace(b"+", b" ")), (_change("its escapes are undone"),))


def reordered_forms(body: bytes, work: Work) -> Iterator[Variant[bytes]]:
    """A form with its fields in any other order where they are few, else with one of them elsewhere."""
    count = body.count(b"&") + 1
    if count < 2 or count > FIELDS_REORDERED_MAX or len(body) > REORDERED_OCTETS_MAX or _FORM.fullmatch(body) is None:
        return
    fields = body.split(b"&")
    orders = permutations(fields) if count <= FIELDS_PERMUTED_MAX else _one_moved(fields)
    for order in orders:
        # One of them at a time: most searches end before the last.
        if not work.take(STEP_UNITS + len(body)):
            return
        yield Variant(b"&".join(order), (_REORDERED,))


def _one_moved(fields: list[bytes]) -> Iterator[tuple[bytes, ...]]:
    for place, field in enumerate(fields):
        others = [*fields[:place], *fields[place + 1 :]]
        for target in range(len(fields)):
            yield (*others[:target], field, *others[target:])


def unpacked_forms(body: bytes, work: Work) -> Iterator[Variant[bytes]]:
    """The forms whose one field `payload` a JSON body may have been taken out of."""
    if body[:1] not in (b"{", b"[") or not work.take(STEP_UNITS + len(body) * _OCTET_UNITS):
        return
    for _, write in _WRITERS:
        yield Variant(b"payload=" + write(body), (_UNPACKED,))


def _read(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _change(words: str) -> Change:
    return Change("body.form", f"the body is a form and {words}: something parsed it and wrote it again", RAW_BODY_CURE)


_REORDERED: Final = _change("its fields are in another order")
_UNPACKED: Final = Change(
    "body.unpacked",
    "the body is the form that the JSON was taken out of, from its field payload",
    "Verify the form as it was received, `payload=…`, and take the JSON out of it afterwards; at GitHub the webhook's "
    "content type can be set to application/json instead.",
)
