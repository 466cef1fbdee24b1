"""`Signature-Input` and `Signature` (RFC 9421 section 4): which signatures a request carries, read and written.

Rules:

* Both fields or neither, the same labels in both, every label once. A request with too many signatures is refused by
  their number before any is looked at: each may cost a public-key operation.
* Parameters have the types the specification gives them: `created` and `expires` are integers, not decimals, dates or
  strings of digits; the others are strings, not tokens. Unknown ones are signed like all others, and mean nothing here.
* Unverified: what comes from here is of the right shape, and nothing more.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, final

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

__all__ = ["PresentedSignature", "Said", "parse_signatures"]

_DIGITS: Final = "(0|[1-9][0-9]{0,14}+)"
_CHARACTERS: Final = rf'"([ !#-\[\]-~]{{1,{PARAMETER_CHARACTERS_MAX}}}+)"'
# The parameters nearly every signature has, in their one spelling and in any order: read in one step.
_USUAL: Final = re.compile(
    rf"(?:;created={_DIGITS}|;expires={_DIGITS}|;keyid={_CHARACTERS}|;alg={_CHARACTERS}|;nonce={_CHARACTERS}"
    rf"|;tag={_CHARACTERS})*+"
)
_SECONDS: Final = frozenset({"created", "expires"})
_STRINGS: Final = frozenset({"keyid", "alg", "nonce", "tag"})


class Said(NamedTuple):
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


def parse_signatures(message: Message, kinds: Kinds = ()) -> tuple[PresentedSignature, ...] | None:
    """The signatures of a request in order, or None when it carries none.

    Args:
        message: unverified.
        kinds: see `compile_components`.

    Raises:
        Rejected: `signature_malformed`, `signature_component`.
    """
    inputs, signatures = _members(message, b"signature-input"), _members(message, b"signature")
    if inputs is None and signatures is None:
        return None
    if inputs is None or signatures is None:
        raise _malformed("one of Signature-Input and Signature is missing")
    by_label = {member.key: member for member in signatures}
    if not len(inputs) == len(signatures) == len(by_label):
        raise _malformed("the labels of Signature-Input and Signature are not the same, or one comes twice")
    found: list[PresentedSignature] = []
    for member in inputs:
        signed = by_label.pop(member.key, None)
        if signed is None:
            raise _malformed("the labels of Signature-Input and Signature are not the same, or one comes twice")
        found.append(_presented(member, signed, kinds))
    return tuple(found)


def _members(message: Message, name: bytes) -> list[Member] | None:
    value = field_value(message, name)
    if value is None:
        return None
    if len(value) > SIGNATURE_FIELD_BYTES_MAX:
        raise _malformed("a signature field is too long")
    try:
        members = scan_dictionary(value, members_max=SIGNATURES_MAX)
    except Rejected as error:
        raise _malformed(f"{name.decode('ascii')}: {error.detail}") from None
    if not members:
        raise _malformed("a signature field is empty")
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
    usual = _USUAL.fullmatch(text)
    if usual is None:
        return _said_unusually(text)
    created, expires, key_id, algorithm, nonce, tag = groups = usual.groups()
    if text.count(";") != len(groups) - groups.count(None):
        # A parameter that comes twice, or a semicolon in a string.
        return _said_unusually(text)
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
