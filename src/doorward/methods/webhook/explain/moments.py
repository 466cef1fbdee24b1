"""What stands around the body in the signed bytes: the id, the time, and how the scheme puts them together."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, final

import msgspec

from doorward.methods.explaining.change import Change, Variant
from doorward.methods.webhook.explain.spelling import header_values
from doorward.methods.webhook.schemes import SCHEMES, Layout, Part, Scheme
from doorward.wire.request import Header

__all__ = ["Frame", "frames", "received_time", "within_the_second"]

_VALUE_BYTES_MAX: Final = 256
_FIELD_TIME: Final = re.compile(rb"(?:^|[, \t])t=([^,\s]{1,64})")
_MILLISECONDS: Final = re.compile(rb"[0-9]{13}")
_SECONDS: Final = re.compile(rb"[0-9]{1,11}")
_OFF_BY_S: Final = (-1, 1, -2, 2, *(sign * hours * 3_600 for hours in range(1, 15) for sign in (-1, 1)))


@final
class Frame(msgspec.Struct, frozen=True):
    """What is signed before and after the body."""

    before: bytes
    after: bytes = b""
    of_form: bool = False
    """Whether the fields of a form are signed in place of the body."""
    body_digest: bytes | None = None
    """The digest of the body in hex, where the signed URL holds it and nothing else of the body is signed."""


def _change(name: str, fits_when: str, cure: str) -> Change:
    return Change(name, fits_when, cure)


def received_time(scheme: Scheme, headers: Sequence[Header]) -> bytes | None:
    """The timestamp as it was received, of whatever form, or None."""
    if scheme.layout is Layout.FIELDS:
        found = [match[1] for value in header_values(headers, scheme.signature_header) for match in _times(value)]
    else:
        found = header_values(headers, scheme.timestamp_header) if scheme.timestamp_header else []
    return found[0][:_VALUE_BYTES_MAX] if found else None


def frames(scheme: Scheme, headers: Sequence[Header]) -> Iterator[Variant[Frame]]:
    """The signed bytes around the body, as the scheme has them first, then as they may have been meant."""
    times = _times_of(scheme, headers)
    ids = _ids_of(scheme, headers)
    for time in times:
        for id_ in ids:
            changes = time.changes + id_.changes
            if len(changes) < 2:
                frame = _frame(scheme.signed, id_.value, time.value)
                if frame is not None:
                    yield Variant(frame, changes)
    for signed, words in _other_ways(scheme):
        frame = _frame(signed, ids[0].value, times[0].value)
        if frame is not None:
            cure = f"The sender signs other bytes than {scheme.sender} does: use the scheme it follows, or mend it."
            yield Variant(frame, (_change("scheme", f"the signed bytes are {words}", cure),))


def within_the_second(scheme: Scheme, headers: Sequence[Header]) -> Iterator[Variant[Frame]]:
    """Frames for a sender that signs milliseconds and sends seconds: a thousand of them, tried last."""
    received = received_time(scheme, headers)
    if received is None or _SECONDS.fullmatch(received) is None or not scheme.signs_time:
        return
    ids = _ids_of(scheme, headers)
    for millisecond in range(1_000):
        frame = _frame(scheme.signed, ids[0].value, b"%s%03d" % (received, millisecond))
        if frame is not None:
            yield Variant(frame, (_SIGNED_MILLISECONDS,))


_SIGNED_MILLISECONDS: Final = _change(
    "time.milliseconds",
    "the signed time is in milliseconds, while the header says seconds",
    "The sender must sign the very text it sends: seconds in both places.",
)


def _times(value: bytes) -> Iterator[re.Match[bytes]]:
    return _FIELD_TIME.finditer(value[:4_096])


def _times_of(scheme: Scheme, headers: Sequence[Header]) -> list[Variant[bytes | None]]:
    received = received_time(scheme, headers)
    found: list[Variant[bytes | None]] = [Variant(received)]
    if received is None or not scheme.signs_time:
        return found
    bare = received.strip()
    if bare != received:
        found.append(Variant(bare, (_spaced(scheme.timestamp_header or scheme.signature_header),)))
    if _MILLISECONDS.fullmatch(bare):
        words = "the time is in seconds: milliseconds were sent"
        cure = "The sender must send seconds since the epoch, and sign the very text it sends."
        found.append(Variant(bare[:-3], (_change("time.milliseconds", words, cure),)))
    elif _SECONDS.fullmatch(bare):
        found.append(Variant(bare + b"000", (_SIGNED_MILLISECONDS,)))
        found += [_off_by(int(bare), off_s) for off_s in _OFF_BY_S if int(bare) + off_s > 0]
    return found


def _off_by(time: int, off_s: int) -> Variant[bytes | None]:
    amount = f"{abs(off_s) // 3_600} h" if abs(off_s) >= 3_600 else f"{abs(off_s)} s"
    cause = (
        "Local time was taken for UTC."
        if abs(off_s) >= 3_600
        else "The sender asks its clock twice: once for the header and once for the signature."
    )
    words = f"the signed time is {amount} {'later' if off_s > 0 else 'earlier'} than the one that was sent"
    cure = f"{cause} The sender must sign the very text it sends."
    return Variant(b"%d" % (time + off_s), (_change("time.other", words, cure),))


def _ids_of(scheme: Scheme, headers: Sequence[Header]) -> list[Variant[bytes | None]]:
    if not scheme.signs_id:
        return [Variant(None)]
    values = header_values(headers, scheme.id_header)
    first = values[0][:_VALUE_BYTES_MAX] if values else None
    found: list[Variant[bytes | None]] = [Variant(first)]
    if first is not None and first.strip() != first:
        found.append(Variant(first.strip(), (_spaced(scheme.id_header),)))
    found += [Variant(value[:_VALUE_BYTES_MAX], (_repeated(scheme.id_header),)) for value in values[1:4]]
    for other in SCHEMES.values():
        if other.id_header.lower() != scheme.id_header.lower() and other.id_header:
            words = f"the id is that of the {other.id_header} header"
            cure = f"Let {scheme.id_header} hold the id that is signed."
            change = _change("header.id", words, cure)
            found += [Variant(value[:_VALUE_BYTES_MAX], (change,)) for value in header_values(headers, other.id_header)]
    return found


def _repeated(name: str) -> Change:
    words = f"the second {name} header is the one that counts: it came more than once"
    return _change("header.repeated", words, "Find what on the way adds a second one.")


def _spaced(name: str) -> Change:
    words = f"the white space around the value of {name} is taken away"
    return _change("header.space", words, "Something on the way pads the header: pass it on as it is.")


def _other_ways(scheme: Scheme) -> list[tuple[tuple[Part | bytes, ...], str]]:
    if Part.BODY not in scheme.signed:
        return []
    ways: list[tuple[tuple[Part | bytes, ...], str]] = [
        ((Part.BODY,), "the body alone, as GitHub has it"),
        ((Part.TIMESTAMP, b".", Part.BODY), "time, dot, body, as Stripe has it"),
        ((Part.ID, b".", Part.TIMESTAMP, b".", Part.BODY), "id, dot, time, dot, body, as Standard Webhooks has it"),
        ((b"v0:", Part.TIMESTAMP, b":", Part.BODY), "v0:time:body, as Slack has it"),
        ((Part.TIMESTAMP, Part.BODY), "the time and the body with nothing between them"),
        ((Part.BODY, Part.TIMESTAMP), "the body and then the time"),
        ((Part.BODY, b".", Part.TIMESTAMP), "body, dot, time"),
        ((Part.TIMESTAMP, b":", Part.BODY), "time, colon, body"),
        ((Part.TIMESTAMP, b"\n", Part.BODY), "time, newline, body"),
        ((Part.ID, b".", Part.BODY), "id, dot, body"),
        ((Part.ID, Part.TIMESTAMP, Part.BODY), "id, time and body with nothing between them"),
        ((Part.TIMESTAMP, b".", Part.ID, b".", Part.BODY), "time, dot, id, dot, body"),
    ]
    return [way for way in ways if way[0] != scheme.signed]


def _frame(signed: tuple[Part | bytes, ...], id_text: bytes | None, time_text: bytes | None) -> Frame | None:
    if (id_text is None and Part.ID in signed) or (time_text is None and Part.TIMESTAMP in signed):
        return None
    around = [b"", b""]
    seen = 0
    for part in signed:
        if part is Part.BODY:
            seen = 1
        elif isinstance(part, bytes):
            around[seen] += part
        elif part is Part.ID:
            around[seen] += id_text or b""
        elif part is Part.TIMESTAMP:
            around[seen] += time_text or b""
    return Frame(around[0], around[1])
