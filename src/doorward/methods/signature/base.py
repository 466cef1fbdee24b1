"""The signature base: the exact bytes that are signed (RFC 9421 section 2.5).

Rules:

* The list of covered components is compiled once and kept: a sender signs the same parts of every request, and only
  `created` and `nonce` differ. What is kept is bounded in number and length, and made of the text alone.
* Every component once (section 2), with parameters this file knows and no others: a verifier that skipped one it does
  not know would be proving something else than was signed.
* No value brings a line of its own: a line feed in one would be a line of the base that the signer never wrote.
* Identifiers and parameters are written anew in their one spelling (section 2.3), unless they came in it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from doorward.errors import Rejected
from doorward.methods.signature.components import DERIVED, Message, Resolver, query_parameter, refuse_component
from doorward.methods.signature.config import COMPONENTS_MAX, FieldKind
from doorward.methods.signature.fields import (
    REGISTERED_KINDS,
    aliases_of,
    dictionary_member,
    plain_field,
    refuse_aliases,
    retyped_field,
    wrapped_field,
)
from doorward.wire.structured import BareItem, Item, parse_inner_items, serialize_inner_items, serialize_item

__all__ = ["Covered", "build_base", "compile_components"]

# Sections 2.1 and 2.5: ASCII, and nothing but printable. Deleting these and looking at what is left is the fastest way.
_ALLOWED: Final = b"\t" + bytes(range(0x20, 0x7F))
_KEPT: Final = 256
_KEPT_CHARACTERS_MAX: Final = 1_024
# A field name of lower-case token characters; no underscore, which some servers cannot tell from a dash.
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+\-.^`|~0-9a-z]{1,256}")

Kinds = tuple[tuple[str, FieldKind], ...]


class Covered(NamedTuple):
    """What a signature covers, compiled."""

    text: str
    """The list in its one spelling, in parentheses."""
    identifiers: frozenset[str]
    """Each component in its one spelling: `"@method"`, `"x-id";bs`."""
    fields: frozenset[bytes]
    aliases: frozenset[bytes] | None
    """See `aliases_of`."""
    resolvers: tuple[Resolver, ...]
    """What gives the value of each line of the base."""
    frame: bytes
    """The base with `%b` for each value and for the signature's own parameters."""


def compile_components(text: str, kinds: Kinds = ()) -> Covered:
    """The covered components of a signature.

    Args:
        text: an inner list without its parameters, well formed.
        kinds: structured fields beside the registered ones.

    Raises:
        Rejected: `signature_malformed` for a list that is too long, names a component twice, or is not made of strings;
            `signature_component` for a component or a parameter that requests do not have.
    """
    return _kept(text, kinds) if len(text) <= _KEPT_CHARACTERS_MAX else _compile(text, kinds)


def _compile(text: str, kinds: Kinds) -> Covered:
    try:
        items = parse_inner_items(text, unique=True)
    except Rejected as error:
        raise Rejected("signature_malformed", error.detail) from None
    if len(items) > COMPONENTS_MAX:
        raise Rejected("signature_malformed", f"more than {COMPONENTS_MAX} covered components")
    # The order of parameters makes no other component of it (section 2).
    if len({(item.value, frozenset(item.parameters)) for item in items}) < len(items):
        raise Rejected("signature_malformed", "a component is covered twice")
    kind_of = {**REGISTERED_KINDS, **dict(kinds)}
    resolvers = [_resolver(item, kind_of) for item in items]
    identifiers = [serialize_item(item) for item in items]
    text = serialize_inner_items(items)
    fields = frozenset(str(item.value).encode("ascii") for item in items if not str(item.value).startswith("@"))
    return Covered(
        text=text,
        identifiers=frozenset(identifiers),
        fields=fields,
        aliases=aliases_of(fields),
        resolvers=tuple(resolvers),
        frame=_frame(identifiers, text),
    )


def _frame(identifiers: list[str], text: str) -> bytes:
    lines = [f"{identifier}: " for identifier in identifiers] + [f'"@signature-params": {text}']
    return "%b\n".join(line.replace("%", "%%") for line in lines).encode("ascii") + b"%b"


_kept: Final = lru_cache(maxsize=_KEPT)(_compile)


def _resolver(item: Item, kind_of: Mapping[str, FieldKind]) -> Resolver:
    name = item.value
    if type(name) is not str:
        raise Rejected("signature_malformed", "a covered component is not a string")
    parameters = dict(item.parameters)
    if name.startswith("@"):
        return _derived(name, parameters)
    if _FIELD_NAME.fullmatch(name) is None:
        raise refuse_component("a covered field has no name of lower-case letters, or one with underscores")
    return _field(name, parameters, kind_of)


def _derived(name: str, parameters: Mapping[str, BareItem]) -> Resolver:
    if name == "@query-param":
        wanted = parameters.get("name")
        if type(wanted) is str and len(parameters) == 1:
            return query_parameter(wanted)
        raise refuse_component("@query-param takes a name, and nothing else")
    resolver = DERIVED.get(name)
    if resolver is None or parameters:
        raise refuse_component("a derived component that requests do not have, or with parameters")
    return resolver


def _field(name: str, parameters: Mapping[str, BareItem], kind_of: Mapping[str, FieldKind]) -> Resolver:
    match sorted(parameters):
        case []:
            return plain_field(name)
        case ["bs"] if parameters["bs"] is True:
            return wrapped_field(name)
        case ["sf"] if parameters["sf"] is True and name in kind_of:
            return retyped_field(name, kind_of[name])
        case ["key"] | ["key", "sf"] if type(parameters["key"]) is str and parameters.get("sf", True) is True:
            return dictionary_member(name, str(parameters["key"]))
        case _:
            # `req` and `tr` among them: parts of another message, and of a trailer nobody has seen yet.
            raise refuse_component("a parameter of a covered field that requests do not have")


def build_base(covered: Covered, parameters: str, message: Message) -> bytes:
    """The signature base of `message`.

    Args:
        covered: from `compile_components`.
        parameters: the signature's own parameters in their one spelling.
        message: what is signed.

    Raises:
        Rejected: `signature_component`: a covered component cannot be had from this message.
    """
    by_name, aliases = message.by_name, covered.aliases
    if by_name is None or aliases is None or not by_name.keys().isdisjoint(aliases):
        refuse_aliases(message, covered.fields)
    values = [resolve(message) for resolve in covered.resolvers]
    if b"".join(values).translate(None, _ALLOWED):
        raise refuse_component("a covered component is not printable ASCII")
    values.append(parameters.encode("ascii"))
    return covered.frame % tuple(values)
