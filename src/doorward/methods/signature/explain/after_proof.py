"""What stands against a request whose signature fits: what it covers, its times, and its body."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from doorward.errors import Rejected
from doorward.methods.explaining import Change, Work
from doorward.methods.explaining.coding import find_coding
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import CoverageProfile
from doorward.methods.signature.digest import parse_content_digest
from doorward.methods.signature.explain.body_changes import READ_BEFORE, find_body
from doorward.methods.signature.explain.pieces import Pieces, component_key
from doorward.methods.signature.explain.search import Fit
from doorward.methods.signature.profiles import demanded_components
from doorward.methods.signature.wire import PresentedSignature
from doorward.values.spans import beside_a_limit
from doorward.wire.structured import parse_inner_items

__all__ = ["Judgement", "judge"]

_MILLISECONDS_MIN: Final = 100_000_000_000
_CLOCK_CURE: Final = "Set both clocks by NTP, and sign each attempt anew."
_BODY_UNKNOWN: Final = (
    "None of these: the signature fits the headers, and no known change turns the body into the one that was signed. "
    "The body is another one."
)


class Judgement(NamedTuple):
    """What was found. Each change is a sentence of its own."""

    changes: tuple[Change, ...]
    body_unknown: bool
    tried: int

    @property
    def says(self) -> str:
        """What to say when nothing else is found."""
        return _BODY_UNKNOWN if self.body_unknown else ""


def judge(
    message: Message,
    body: bytes,
    presented: PresentedSignature,
    fit: Fit,
    profile: CoverageProfile,
    now: int,
    work: Work,
) -> Judgement:
    """Coverage, times and body of a request whose signature fits so."""
    changes = [*_coverage(message, presented, profile), *_times(presented, fit.pieces, profile, now)]
    if any(change.name.startswith("body.") for change in fit.changes):
        return Judgement(tuple(changes), body_unknown=False, tried=0)
    found, tried = _body(message, body, presented, fit.pieces, work)
    if found is None and not body:
        return Judgement((*changes, READ_BEFORE), body_unknown=False, tried=tried)
    coding = find_coding(message.lines(b"content-encoding"), body) if found is None else None
    if coding is not None:
        return Judgement((*changes, coding), body_unknown=False, tried=tried)
    for change in found or ():
        words = f"The digest in it fits the body when {change.fits_when}."
        changes.append(Change(change.name, words, change.cure))
    return Judgement(tuple(changes), body_unknown=found is None, tried=tried)


def _coverage(message: Message, presented: PresentedSignature, profile: CoverageProfile) -> Iterator[Change]:
    wanted = demanded_components(profile, message, with_body=message.announces_body)
    lacking = sorted(wanted - presented.covered.identifiers)
    lacking += [name for name in sorted(profile.parameters) if getattr(presented.said, name) is None]
    if lacking == ['"content-encoding"']:
        yield Change(
            "coverage.coding",
            "The request has a Content-Encoding that the signature does not cover: it came on the way, or the sender "
            "does not cover it.",
            "Let no proxy compress requests or say that they are; a sender that compresses covers content-encoding.",
        )
    elif lacking:
        yield Change(
            "coverage",
            f"It does not cover {', '.join(lacking)}, which the profile {profile.name} demands.",
            "Let the sender cover them; what is not covered is not trusted.",
        )
    if profile.tag is not None and presented.said.tag != profile.tag:
        yield Change("tag", "Its tag is another one than counts here.", "Let the sender write the tag that is asked.")


def _times(presented: PresentedSignature, fitting: Pieces, profile: CoverageProfile, now: int) -> Iterator[Change]:
    created, expires = presented.said.created, presented.said.expires
    if created is not None and created >= _MILLISECONDS_MIN:
        if fitting["parameters"].decode("ascii") == presented.said.text:
            yield Change(
                "time.milliseconds",
                "Its time is in milliseconds, where RFC 9421 has seconds.",
                "Let the sender write `created` and `expires` in seconds since 1970.",
            )
        return
    if created is not None and created > now + profile.skew_s:
        words = (
            f"It was made {beside_a_limit(created - now)} from now by our clock, and {profile.skew_s} s are allowed."
        )
        yield Change("clock", words, _CLOCK_CURE)
    elif created is not None and created + profile.age_s_max < now:
        words = f"It was made {beside_a_limit(now - created)} ago, and {profile.age_s_max} s are allowed."
        yield Change("clock", words, _CLOCK_CURE)
    elif expires is not None and now >= expires:
        yield Change("clock", f"It expired {beside_a_limit(now - expires)} ago.", _CLOCK_CURE)


def _body(
    message: Message, body: bytes, presented: PresentedSignature, fitting: Pieces, work: Work
) -> tuple[tuple[Change, ...] | None, int]:
    items = parse_inner_items(presented.covered.text)
    places = [place for place, item in enumerate(items) if item.value == "content-digest" and not item.parameters]
    if not places:
        return (), 0
    line = fitting.get(component_key(places[0]), b", ".join(message.lines(b"content-digest")))
    try:
        expected = parse_content_digest(line)
    except Rejected:
        return (), 0
    return find_body(expected, body, presented.said.created, work)
