"""Structured field values (RFC 9651): parse and serialise, small, strict and bounded.

`docs/adr/0014-structured-fields.md` says why they are ours. What is parsed is immutable, so parts of it can be kept.
"""

from doorward.wire.structured.parse import (
    Member,
    Parameter,
    parse_bytes,
    parse_dictionary,
    parse_inner_items,
    parse_item,
    parse_list,
    parse_member,
    parse_parameters,
    scan_dictionary,
)
from doorward.wire.structured.serialize import (
    serialize_dictionary,
    serialize_inner_items,
    serialize_item,
    serialize_list,
    serialize_member,
    serialize_parameters,
)
from doorward.wire.structured.values import BareItem, Date, DisplayString, InnerList, Item, Parameters, Token

__all__ = [
    "BareItem",
    "Date",
    "DisplayString",
    "InnerList",
    "Item",
    "Member",
    "Parameter",
    "Parameters",
    "Token",
    "parse_bytes",
    "parse_dictionary",
    "parse_inner_items",
    "parse_item",
    "parse_list",
    "parse_member",
    "parse_parameters",
    "scan_dictionary",
    "serialize_dictionary",
    "serialize_inner_items",
    "serialize_item",
    "serialize_list",
    "serialize_member",
    "serialize_parameters",
]
