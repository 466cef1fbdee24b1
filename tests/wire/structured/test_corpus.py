"""The corpus of the HTTP working group: every field parses to what it should, and is written back the one way."""

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from tests.frame.vectors import Vectors

from doorward.errors import Rejected
from doorward.wire.structured import (
    Date,
    DisplayString,
    InnerList,
    Item,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
    serialize_dictionary,
    serialize_item,
    serialize_list,
)

_PARSERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "item": parse_item,
    "list": parse_list,
    "dictionary": parse_dictionary,
}
_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "item": serialize_item,
    "list": serialize_list,
    "dictionary": serialize_dictionary,
}


def _bare(value: Any) -> Any:  # Any: JSON
    if not isinstance(value, dict):
        return value
    text = value["value"]
    match value["__type"]:
        case "token":
            return Token(text)
        case "binary":
            return base64.b32decode(text)
        case "date":
            return Date(text)
        case _:
            return DisplayString(text)


def _member(value: Any) -> Item | InnerList:
    first, parameters = value
    said = tuple((key, _bare(bare)) for key, bare in parameters)
    if isinstance(first, list):
        return InnerList(tuple(item for inner in first if isinstance(item := _member(inner), Item)), said)
    return Item(_bare(first), said)


def _value(kind: str, expected: Any) -> Any:
    if kind == "item":
        return _member(expected)
    if kind == "list":
        return [_member(member) for member in expected]
    return {key: _member(member) for key, member in expected}


def _cases(vectors: Vectors) -> list[dict[str, Any]]:
    files = vectors.files("structured-field-tests")
    return [
        case
        for name, text in files.items()
        if name.endswith(".json") and "/" not in name
        for case in json.loads(text, parse_float=Decimal)
    ]


def _fails(case: dict[str, Any]) -> str | None:
    kind = case["header_type"]
    raw = ", ".join(case["raw"]).encode("utf-8")
    try:
        found = _PARSERS[kind](raw)
    except Rejected as error:
        return None if case.get("must_fail") or case.get("can_fail") else error.detail
    if case.get("must_fail"):
        return "it parses"
    if found != _value(kind, case["expected"]):
        return f"it parses to {found}"
    written = _WRITERS[kind](found)
    # A canonical form that differs where failing would have been right as well is the lenient reader's.
    return None if written == ", ".join(case.get("canonical", case["raw"])) or case.get("can_fail") else written


def test_every_field_of_the_corpus_is_read_and_written_as_it_should(vectors: Vectors) -> None:
    cases = _cases(vectors)
    assert len(cases) > 1_500
    assert [(case["name"], case["raw"], why) for case in cases if (why := _fails(case)) is not None] == []
