"""Forms, read strictly."""

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Rejected
from doorward.wire.form import FORM_FIELDS_MAX, parse_form, require_form_type


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=FORM_FIELDS_MAX))
def test_what_was_encoded_comes_back(fields: dict[str, str]) -> None:
    # A form cannot say "one field, without a name and a value" but by nothing at all.
    fields.pop("", None)
    assert parse_form(urlencode(fields).encode("ascii")) == fields


@given(st.binary(max_size=200))
def test_anything_else_is_refused_or_read(body: bytes) -> None:
    with suppress(Rejected):
        assert all(isinstance(value, str) for value in parse_form(body).values())


@pytest.mark.parametrize(
    "body", [b"a=1&a=1", b"a=1&%61=2", b"a&a", b"a=%C3", b"a=%e9", b"a=%1", b"a=\xc3\xa9", b"a=1\r\n"]
)
def test_what_two_readers_may_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected, match="request_malformed"):
        parse_form(body)


def test_fields_are_counted() -> None:
    assert len(parse_form(b"&".join(b"f%d=" % number for number in range(FORM_FIELDS_MAX)))) == FORM_FIELDS_MAX
    with pytest.raises(Rejected, match="request_malformed"):
        parse_form(b"&".join(b"f%d=" % number for number in range(FORM_FIELDS_MAX + 1)))


@pytest.mark.parametrize(
    "content_type", [b"application/x-www-form-urlencoded", b"Application/X-WWW-Form-URLEncoded; charset=utf-8"]
)
def test_a_form_says_that_it_is_one(content_type: bytes) -> None:
    require_form_type(content_type)


@pytest.mark.parametrize(
    "content_type", [None, b"", b"application/json", b"multipart/form-data", b"application/x-www-form-urlencodedx"]
)
def test_what_does_not_is_none(content_type: bytes | None) -> None:
    with pytest.raises(Rejected, match="request_malformed"):
        require_form_type(content_type)
