"""What was found, in sentences with their cures."""

from collections.abc import Sequence
from typing import final

import msgspec

from doorward.errors import Rejected
from doorward.methods.explaining.change import Change
from doorward.methods.webhook.explain.moments import received_time
from doorward.methods.webhook.explain.search import Fit
from doorward.methods.webhook.schemes import Scheme
from doorward.values.spans import beside_a_limit
from doorward.wire.request import Header

__all__ = ["Finding", "distinct_fits", "parse_seconds", "tell_evidence", "tell_fit"]


@final
class Finding(msgspec.Struct, frozen=True):
    """One answer. Holds neither a secret nor a signature."""

    changes: tuple[Change, ...]
    says: str
    """A sentence."""
    cure: str
    """What to change."""
    secret_id: str | None
    """The secret with which the signature fits."""
    proven: bool
    """Whether a signature fits so; otherwise it is what the headers show."""


def parse_seconds(text: bytes | None) -> int | None:
    """The time a text says, in seconds or milliseconds; None when it says none."""
    bare = b"" if text is None else text.strip()
    if not bare.isdigit() or len(bare) > 13:
        return None
    return int(bare) // (1_000 if len(bare) == 13 else 1)


def distinct_fits(fits: list[Fit]) -> list[Fit]:
    """The fits without those that say the same."""
    told: dict[tuple[str, ...], Fit] = {}
    for fit in fits:
        told.setdefault((fit.secret_id, *(change.fits_when for change in fit.changes)), fit)
    return list(told.values())


def tell_fit(
    fit: Fit, scheme: Scheme, headers: Sequence[Header], refused: Rejected | None, *, now: int, tolerance_s: int
) -> Finding:
    """A fit in a sentence. When the clock is off as well, that is told with it."""
    changes = list(fit.changes)
    sentences = []
    if changes:
        sentences.append(f"The signature fits when {' and '.join(change.fits_when for change in changes)}.")
    clock = _clock(received_time(scheme, headers), scheme, now, tolerance_s)
    if clock is not None:
        sentences.append(clock.fits_when if changes else f"Refused, although the signature fits. {clock.fits_when}")
        changes.append(clock)
    if not changes:
        changes.append(_form(scheme, headers, refused))
        sentences.append(changes[0].fits_when)
    cures = dict.fromkeys(change.cure for change in changes)
    return Finding(tuple(changes), " ".join(sentences), " ".join(cures), fit.secret_id, proven=True)


def _clock(text: bytes | None, scheme: Scheme, now: int, tolerance_s: int) -> Change | None:
    time = parse_seconds(text) if scheme.signs_time else None
    if time is None or abs(now - time) <= tolerance_s:
        return None
    behind_s = now - time
    if behind_s > 0:
        words = f"Its time is {beside_a_limit(behind_s)} ago, and {tolerance_s} s are allowed."
        cure = (
            "An old delivery was sent again, or one of the two clocks is wrong: set them by NTP, and sign each "
            "attempt anew."
        )
    else:
        words = f"Its time is {beside_a_limit(-behind_s)} ahead of our clock, and {tolerance_s} s are allowed."
        cure = "One of the two clocks is wrong: set them by NTP."
    return Change("clock", words, cure)


def _form(scheme: Scheme, headers: Sequence[Header], refused: Rejected | None) -> Change:
    text = (received_time(scheme, headers) or b"").strip()
    if scheme.signs_time and text.isdigit() and len(text) == 13:
        words = "Refused, although the signature fits: the time is in milliseconds, where the scheme has seconds."
        return Change("time.milliseconds", words, "The sender must sign and send seconds since the epoch.")
    detail = "it is refused for its form" if refused is None else refused.detail or refused.code
    words = f"Refused, although the signature fits: {detail}."
    return Change("form", words, f"The sender must write its headers as {scheme.sender} does.")


def tell_evidence(change: Change) -> Finding:
    """What the headers show."""
    return Finding((change,), change.fits_when, change.cure, None, proven=False)
