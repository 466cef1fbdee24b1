"""`Signature-Input` and `Signature` (RFC 9421 section 4): which signatures a request carries, read and written.

Rules:

* Both fields or neither, the same labels in both, every label once. A request with too many signatures is refused by
  their number before any is looked at: each may cost a public-key operation.
* Parameters have the types the specification gives them: `created` and `expires` are integers, not decimals, dates or
  strings of digits; the others are strings, not tokens. Unknown ones are signed like all others, and mean nothing here.
* Unverified: what comes from here is of the right shape, and nothing more.
"""

import re
from collections.abc import Mapping
from typing import Final, final

from doorward.errors import Rejected
from doorward.methods.contract import Presented
from doorward.methods.signature.base import Covered, Kinds, compile_components
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import (
    KEY_ID_CHARACTERS_MAX,
    NONCE_CHARACTERS_MAX,
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

__all__ = ["PresentedSignature", "parse_signatures"]

# Parameters that came in their one spelling already; those of rarer types are written anew.
_CANONICAL: Final = re.compile(
    r"(?:;[a-z*][a-z0-9_\-.*]*+=(?:0|[1-9][0-9]*+|\"[ !#-\[\]-~]*+(?:\\[\"\\][ !#-\[\]-~]*+)*+\"))*+"
)
_NAME_CHARACTERS_MAX: Final = 256


@final
class PresentedSignature(Presented, frozen=True, kw_only=True):
    """A signature as it came. `lookup_id` is the id of the key; the times are epoch seconds."""

    label: str
    covered: Covered
    parameters: str
    """The parameters in their one spelling, as they are signed."""
    signature: bytes
    created: int | None
    expires: int | None
    nonce: str | None
    algorithm: str | None
    tag: str | None


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
    if not len(inputs) == len(signatures) == len(by_label) or {member.key for member in inputs} != by_label.keys():
        raise _malformed("the labels of Signature-Input and Signature are not the same, or one comes twice")
    return tuple(_presented(member, by_label[member.key], kinds) for member in inputs)


def _members(message: Message, name: bytes) -> list[Member] | None:
    lines = message.lines(name)
    if not lines:
        return None
    if sum(map(len, lines)) > SIGNATURE_FIELD_BYTES_MAX:
        raise _malformed("a signature field is too long")
    try:
        members = scan_dictionary(field_value(message, name) or b"", members_max=SIGNATURES_MAX)
    except Rejected as error:
        raise _malformed(f"{name.decode('ascii')}: {error.detail}") from None
    if not members:
        raise _malformed("a signature field is empty")
    return members


def _presented(member: Member, signed: Member, kinds: Kinds) -> PresentedSignature:
    if member.inner is None or signed.bare is None or not signed.bare.startswith(":"):
        raise _malformed("a signature is not a byte sequence, or what it covers is not a list")
    try:
        parameters = dict(parse_parameters(member.parameters, unique=True))
        signature = parse_bytes(signed.bare)
        text = member.parameters
        if _CANONICAL.fullmatch(text) is None:
            text = serialize_parameters(tuple(parameters.items()))
    except Rejected as error:
        raise _malformed(error.detail) from None
    key_id = _string(parameters, "keyid", KEY_ID_CHARACTERS_MAX)
    if key_id is None:
        raise _malformed("there is no keyid")
    return PresentedSignature(
        lookup_id=CredentialId(key_id),
        label=member.key,
        covered=compile_components(member.inner, kinds),
        parameters=text,
        signature=signature,
        created=_seconds(parameters, "created"),
        expires=_seconds(parameters, "expires"),
        nonce=_string(parameters, "nonce", NONCE_CHARACTERS_MAX),
        algorithm=_string(parameters, "alg", _NAME_CHARACTERS_MAX),
        tag=_string(parameters, "tag", _NAME_CHARACTERS_MAX),
    )


def _seconds(parameters: Mapping[str, BareItem], name: str) -> int | None:
    value = parameters.get(name)
    # `bool` is an `int` to Python, and a Date is not an Integer to RFC 9651.
    if value is None or (type(value) is int and value >= 0):
        return value
    raise _malformed(f"{name} is not a whole number of seconds since 1970")


def _string(parameters: Mapping[str, BareItem], name: str, characters_max: int) -> str | None:
    value = parameters.get(name)
    if value is None or (type(value) is str and 0 < len(value) <= characters_max):
        return value
    raise _malformed(f"{name} is not a string of 1 to {characters_max} characters")
