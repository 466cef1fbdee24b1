"""`Signature-Input` and `Signature` (RFC 9421 section 4): which signatures a request carries, read and written.

Rules:

* Both fields or neither, the same labels in both, every label once. A request with too many signatures is refused by
  their number before any is looked at: each may cost a public-key operation.
* Parameters have the types the specification gives them: `created` and `expires` are integers, not decimals, dates or
  strings of digits; the others are strings, not tokens. Unknown ones are signed like all others, and mean nothing here.
* Of several signatures those that are for somebody else are not read: what they cover is none of our business.
* Unverified: what comes from here is of the right shape, and nothing more.
"""

import re
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Callable, Container, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, final

import msgspec

from doorward.errors import Rejected
from doorward.methods.contract import Presented
from doorward.methods.signature.base import Covered, Kinds, compile_components
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import (
    PARAMETER_CHARACTERS_MAX,
    SIGNATURE_FIELD_BYTES_MAX,
    SIGNATURES_MAX,
)
from doorward.methods.signature.fields import field_value
from doorward.values import CredentialId
from doorward.wire.structured import (
    BareItem,
    Member,
    parse_bytes,
    parse_parameters,
    scan_dictionary,
    serialize_parameters,
)
from doorward.wire.structured.grammar import MEMBER

__all__ = ["Glimpse", "PresentedSignature", "Said", "parse_readable", "parse_signatures", "parse_usual"]

_DIGITS: Final = "(0|[1-9][0-9]{0,14}+)"
_CHARACTERS: Final = rf'"([ !#-\[\]-~]{{1,{PARAMETER_CHARACTERS_MAX}}}+)"'
_PARAMETERS: Final = (
    rf"(?:;created={_DIGITS}|;expires={_DIGITS}|;keyid={_CHARACTERS}|;alg={_CHARACTERS}|;nonce={_CHARACTERS}"
    rf"|;tag={_CHARACTERS})*+"
)
# The parameters nearly every signature has, in their one spelling and in any order: read in one step.
_USUAL: Final = re.compile(rf"(){_PARAMETERS}")
# The same after what nearly every field begins with: a label and a list up to its first parenthesis.
_USUAL_ALONE: Final = re.compile(rf"([^)]*+\)){_PARAMETERS}")
_INPUT: Final = b"signature-input"
_SIGNATURE: Final = b"signature"
_KEPT: Final = 256
_KEPT_CHARACTERS_MAX: Final = 1_024
_SECONDS: Final = frozenset({"created", "expires"})
_STRINGS: Final = frozenset({"keyid", "alg", "nonce", "tag"})


@final
class Said(msgspec.Struct, frozen=True, gc=False):
    """What a signature says of itself. `text` is that in its one spelling, as it is signed; times are epoch seconds."""

    text: str
    key_id: str | None
    created: int | None
    expires: int | None
    algorithm: str | None
    nonce: str | None
    tag: str | None


@final
class PresentedSignature(Presented, frozen=True, gc=False):
    """A signature as it came. `lookup_id` is the id of the key."""

    label: str
    covered: Covered
    said: Said
    signature: bytes


def _malformed(what: str) -> Rejected:
    return Rejected("signature_malformed", what)


class Glimpse(NamedTuple):
    """What a signature says of itself, read only to choose among several."""

    label: str
    key_id: str | None
    tag: str | None


def parse_signatures(
    message: Message, kinds: Kinds = (), choose: Callable[[Sequence[Glimpse]], Container[Glimpse]] | None = None
) -> tuple[PresentedSignature, ...] | None:
    """The signatures of a request in order, or None when it carries none.

    Args:
        message: unverified.
        kinds: see `compile_components`.
        choose: those of several that are to be read; None: all. Of the others nothing is read but that they are well
            formed, so that a signature that is not for us, with components nobody here knows, refuses nothing. Asked
            only where there are several.

    Raises:
        Rejected: `signature_malformed`, `signature_component`.
    """
    alone = parse_usual(message, kinds)
    return _parse_any(message, kinds, choose) if alone is None else (alone,)


def parse_usual(message: Message, kinds: Kinds = ()) -> PresentedSignature | None:
    """The one signature of a request, when it is spelled as nearly all are; None: ask `parse_signatures`.

    Raises:
        Rejected: `signature_malformed`, `signature_component`.
    """
    by_name = message.by_name
    return None if by_name is None else _parse_alone(by_name.get(_INPUT), by_name.get(_SIGNATURE), kinds)


def _parse_any(
    message: Message, kinds: Kinds, choose: Callable[[Sequence[Glimpse]], Container[Glimpse]] | None
) -> tuple[PresentedSignature, ...] | None:
    """The long way, for every spelling and number of signatures there is."""
    inputs, signatures = field_value(message, _INPUT), field_value(message, _SIGNATURE)
    if inputs is None and signatures is None:
        return None
    if inputs is None or signatures is None:
        raise _malformed("one of Signature-Input and Signature is missing")
    if len(inputs) > SIGNATURE_FIELD_BYTES_MAX or len(signatures) > SIGNATURE_FIELD_BYTES_MAX:
        raise _malformed("a signature field is too long")
    return _parse_several(inputs, signatures, kinds, choose)


def _parse_alone(
    presented_inputs: bytes | None, presented_signatures: bytes | None, kinds: Kinds
) -> PresentedSignature | None:
    """One signature that is spelled as nearly all are; None: read it the long way, which comes to the same.

    Where a list of covered components begins is known from the last time. That is sound because a list ends at its
    first parenthesis outside a string: if a text begins with one that is well formed, no other reading of it is.
    """
    if presented_inputs is None or presented_signatures is None:
        return None
    # A character for every octet: one that is not ASCII can only be in the opening, and such an opening is none.
    text = presented_inputs.decode("latin-1")
    usual = _USUAL_ALONE.fullmatch(text)
    if usual is None:
        return None
    groups = usual.groups()
    opening: str = groups[0]
    known = _opening(opening, kinds) if len(opening) <= _KEPT_CHARACTERS_MAX else None
    said = _said_usually(text[len(opening) :], groups)
    if known is None or said is None or said.key_id is None:
        return None
    label, covered, ahead = known
    between = presented_signatures[len(ahead) : -1]
    if presented_signatures != ahead + between + b":" or len(presented_signatures) > SIGNATURE_FIELD_BYTES_MAX:
        return None
    try:
        signature = a2b_base64(between, strict_mode=True)
    except BinasciiError:
        return None
    return PresentedSignature(CredentialId(said.key_id), label, covered, said, signature)


@lru_cache(maxsize=_KEPT)
def _opening(text: str, kinds: Kinds) -> tuple[str, Covered, bytes] | None:
    """Of `label=(…)` the label, the covered components, and how the other field begins; None when it is not that."""
    matched = MEMBER.fullmatch(text)
    if matched is None or matched[2] is None:
        return None
    label: str = matched[1]
    return label, compile_components(matched[2], kinds), b"%b=:" % label.encode("ascii")


def _parse_several(
    presented_inputs: bytes,
    presented_signatures: bytes,
    kinds: Kinds,
    choose: Callable[[Sequence[Glimpse]], Container[Glimpse]] | None = None,
) -> tuple[PresentedSignature, ...]:
    inputs, signatures = _members("Signature-Input", presented_inputs), _members("Signature", presented_signatures)
    by_label = {member.key: member for member in signatures}
    if not len(inputs) == len(signatures) == len(by_label):
        raise _malformed("the labels of Signature-Input and Signature are not the same, or one comes twice")
    if any(member.key not in by_label for member in inputs) or len({member.key for member in inputs}) < len(inputs):
        raise _malformed("the labels of Signature-Input and Signature are not the same, or one comes twice")
    if choose is not None and len(inputs) > 1:
        glimpses = [_glimpse(member) for member in inputs]
        chosen = choose(glimpses)
        inputs = [member for member, glimpse in zip(inputs, glimpses, strict=True) if glimpse in chosen]
    return tuple(_presented(member, by_label[member.key], kinds) for member in inputs)


def _glimpse(member: Member) -> Glimpse:
    try:
        said = dict(parse_parameters(member.parameters, unique=True))
    except Rejected:
        return Glimpse(member.key, None, None)
    key_id, tag = said.get("keyid"), said.get("tag")
    return Glimpse(member.key, key_id if type(key_id) is str else None, tag if type(tag) is str else None)


def parse_readable(message: Message, kinds: Kinds = ()) -> tuple[PresentedSignature, ...]:
    """The signatures of a request that can be read. None can: the refusal of the first.

    Raises:
        Rejected: as `parse_signatures`.
    """
    glimpses: list[Glimpse] = []

    def note(those: Sequence[Glimpse]) -> Container[Glimpse]:
        glimpses.extend(those)
        return ()

    alone = parse_signatures(message, kinds, note)
    found = list(alone or ())
    refused: Rejected | None = None
    for glimpse in glimpses:
        try:
            found += parse_signatures(message, kinds, lambda _, glimpse=glimpse: (glimpse,)) or ()  # type: ignore[misc]  # mypy cannot type a default
        except Rejected as error:
            refused = refused or error
    if refused is not None and not found:
        raise refused
    return tuple(found)


def _members(name: str, presented_field: bytes) -> list[Member]:
    try:
        members = scan_dictionary(presented_field, members_max=SIGNATURES_MAX)
    except Rejected as error:
        raise _malformed(f"{name}: {error.detail}") from None
    if not members:
        raise _malformed(f"{name} is empty")
    return members


def _presented(member: Member, signed: Member, kinds: Kinds) -> PresentedSignature:
    if member.inner is None or signed.bare is None or signed.bare[0] != ":":
        raise _malformed("a signature is not a byte sequence, or what it covers is not a list")
    try:
        said = _said(member.parameters)
        signature = parse_bytes(signed.bare)
    except Rejected as error:
        raise _malformed(error.detail) from None
    if said.key_id is None:
        raise _malformed("there is no keyid")
    # In the order of the fields: by their names they take twice as long.
    return PresentedSignature(
        CredentialId(said.key_id), member.key, compile_components(member.inner, kinds), said, signature
    )


def _said(text: str) -> Said:
    return _read_usual(text) or _said_unusually(text)


def _read_usual(text: str) -> Said | None:
    usual = _USUAL.fullmatch(text)
    return None if usual is None else _said_usually(text, usual.groups())


def _said_usually(text: str, groups: tuple[str | None, ...]) -> Said | None:
    _, created, expires, key_id, algorithm, nonce, tag = groups
    if text.count(";") != len(groups) - 1 - groups.count(None):
        # A parameter that comes twice, or a semicolon in a string.
        return None
    return Said(
        text,
        key_id,
        None if created is None else int(created),
        None if expires is None else int(expires),
        algorithm,
        nonce,
        tag,
    )


def _said_unusually(text: str) -> Said:
    """The long way to the same answer, for every spelling there is."""
    parameters = parse_parameters(text, unique=True)
    get: Callable[[str], Any] = _checked(dict(parameters)).get  # Any: the types were looked at
    return Said(
        serialize_parameters(parameters),
        get("keyid"),
        get("created"),
        get("expires"),
        get("alg"),
        get("nonce"),
        get("tag"),
    )


def _checked(parameters: Mapping[str, BareItem]) -> Mapping[str, BareItem]:
    for name, value in parameters.items():
        if name in _STRINGS:
            if type(value) is not str or not 0 < len(value) <= PARAMETER_CHARACTERS_MAX:
                raise _malformed(f"{name} is not a string of 1 to {PARAMETER_CHARACTERS_MAX} characters")
        # `bool` is an `int` to Python, and a Date is not an Integer to RFC 9651.
        elif name in _SECONDS and (type(value) is not int or value < 0):
            raise _malformed(f"{name} is not a whole number of seconds since 1970")
    return parameters
