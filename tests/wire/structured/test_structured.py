"""Structured fields: types that do not pass for each other, limits, and no way to make reading slow."""

import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Rejected
from doorward.wire.structured import (
    BareItem,
    Date,
    DisplayString,
    InnerList,
    Item,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
    scan_dictionary,
    serialize_dictionary,
    serialize_item,
    serialize_list,
)
from doorward.wire.structured.parse import FIELD_BYTES_MAX, INNER_ITEMS_MAX, MEMBERS_MAX, PARAMETERS_MAX

PARSERS: Final[list[Callable[[bytes], Any]]] = [parse_item, parse_list, parse_dictionary]

_keys = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,10}", fullmatch=True)
_bare: st.SearchStrategy[BareItem] = st.one_of(
    st.booleans(),
    st.integers(-999_999_999_999_999, 999_999_999_999_999),
    st.decimals(-999_999_999_999, 999_999_999_999, places=3),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    st.builds(Token, st.from_regex(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,10}", fullmatch=True)),
    st.binary(max_size=20),
    st.builds(Date, st.integers(-999_999_999_999_999, 999_999_999_999_999)),
    st.builds(DisplayString, st.text(max_size=10)),
)
_parameters = st.dictionaries(_keys, _bare, max_size=3).map(lambda found: tuple(found.items()))
_items = st.builds(Item, _bare, _parameters)
_members = st.one_of(_items, st.builds(InnerList, st.lists(_items, max_size=3).map(tuple), _parameters))


@given(_items)
def test_an_item_that_is_written_is_read_back(item: Item) -> None:
    assert parse_item(serialize_item(item).encode("ascii")) == item


@given(st.lists(_members, max_size=4))
def test_a_list_that_is_written_is_read_back(members: list[Item | InnerList]) -> None:
    assert parse_list(serialize_list(members).encode("ascii")) == members


@given(st.dictionaries(_keys, _members, max_size=4))
def test_a_dictionary_that_is_written_is_read_back(members: dict[str, Item | InnerList]) -> None:
    found = parse_dictionary(serialize_dictionary(members).encode("ascii"))
    assert list(found.items()) == list(members.items())


@given(st.binary(max_size=200) | st.text(alphabet='a=();:"\\?@%1. ,\t-*', max_size=60).map(str.encode))
def test_garbage_is_refused_or_read_and_nothing_else(garbage: bytes) -> None:
    for parse in PARSERS:
        with suppress(Rejected):
            parse(garbage)


@pytest.mark.parametrize(
    ("left", "right"), [(b"1", b"?1"), (b"1", b"@1"), (b'"a"', b"a"), (b'"a"', b'%"a"'), (b"1", b"1.0"), (b"?0", b"0")]
)
def test_no_type_passes_for_another(left: bytes, right: bytes) -> None:
    assert type(parse_item(left).value) is not type(parse_item(right).value)


@pytest.mark.parametrize(
    ("parse", "fits", "too_much"),
    [
        (parse_item, b'"%s"' % (b"a" * (FIELD_BYTES_MAX - 2)), b'"%s"' % (b"a" * (FIELD_BYTES_MAX - 1))),
        (parse_list, b",".join([b"1"] * MEMBERS_MAX), b",".join([b"1"] * (MEMBERS_MAX + 1))),
        (
            parse_dictionary,
            b",".join(b"k%d" % number for number in range(MEMBERS_MAX)),
            b",".join(b"k%d" % number for number in range(MEMBERS_MAX + 1)),
        ),
        (
            parse_list,
            b"(%s)" % b" ".join([b"1"] * INNER_ITEMS_MAX),
            b"(%s)" % b" ".join([b"1"] * (INNER_ITEMS_MAX + 1)),
        ),
        (parse_item, b"1" + b";a" * PARAMETERS_MAX, b"1" + b";a" * (PARAMETERS_MAX + 1)),
    ],
    ids=["bytes", "list", "dictionary", "inner list", "parameters"],
)
def test_every_limit_takes_what_fits_and_refuses_one_more(
    parse: Callable[[bytes], Any], fits: bytes, too_much: bytes
) -> None:
    parse(fits)
    with pytest.raises(Rejected):
        parse(too_much)


def test_the_caller_may_set_a_lower_limit_of_members() -> None:
    assert len(scan_dictionary(b"a, b", members_max=2)) == 2
    with pytest.raises(Rejected):
        scan_dictionary(b"a, b, c", members_max=2)


@pytest.mark.parametrize("field", [b"a=1, a=2", b"a;x;x", b"a=(1;x=1;x=2)", b"a=(1);x;x"])
def test_a_key_that_comes_twice_is_refused_where_it_matters(field: bytes) -> None:
    parse_dictionary(field)
    with pytest.raises(Rejected):
        parse_dictionary(field, unique=True)


@pytest.mark.parametrize(
    "evil",
    [
        b'a=("x"' + b';"x"' * 15_000,
        b"a=" + b"(" * 60_000,
        b"a=(" + b" " * 60_000,
        b"," * 60_000,
        b"a" + b";a=1" * 15_000 + b"!",
        b"a=(" + b'"x" ' * 15_000 + b"!",
        b'a="' + b"\\\\" * 30_000,
        b'a=%"' + b"%aa" * 20_000,
        b"1" * 60_000,
        b"a" + b"," + b" \t" * 30_000,
    ],
)
def test_no_field_takes_long_to_read(evil: bytes) -> None:
    began = time.process_time()
    for parse in PARSERS:
        with pytest.raises(Rejected):
            parse(evil)
    # Linear reading takes some milliseconds; a quadratic one would take minutes.
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "value",
    [
        10**15,
        -(10**15),
        Decimal(10**12),
        Decimal("999999999999.9995"),
        Decimal("NaN"),
        Decimal("Infinity"),
        "ü",
        "a\n",
        Token("1a"),
        Token(""),
        DisplayString("\ud800"),
        Date(10**15),
    ],
)
def test_what_no_field_can_hold_is_not_written(value: BareItem) -> None:
    with pytest.raises(Rejected):
        serialize_item(Item(value))


@pytest.mark.parametrize("key", ["", "A", "1a", "a b", "a\n"])
def test_a_key_of_other_characters_is_not_written(key: str) -> None:
    with pytest.raises(Rejected):
        serialize_dictionary({key: Item(1)})
    with pytest.raises(Rejected):
        serialize_item(Item(1, ((key, True),)))
