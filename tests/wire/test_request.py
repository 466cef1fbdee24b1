"""What a request view says of its headers, with and without the index that makes looking cheap."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.request import view_of

from doorward.errors import Rejected
from doorward.wire.request import Header, RequestView, index_headers

NAMES = (b"authorization", b"x-api-key", b"accept")


def _value(view: RequestView, name: bytes) -> bytes | str | None:
    try:
        return view.value(name)
    except Rejected as refused:
        return refused.code


def test_a_name_that_repeats_leaves_no_index() -> None:
    once: tuple[Header, ...] = ((b"authorization", b"a"), (b"accept", b"b"))
    assert index_headers(once) == dict(once)
    assert index_headers((*once, (b"authorization", b"a"))) is None
    with pytest.raises(Rejected, match="header_repeated"):
        view_of(*once, (b"authorization", b"a")).value(b"authorization")


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=4)), max_size=5))
def test_the_index_changes_no_answer(headers: list[Header]) -> None:
    view = view_of(*headers)
    plain = msgspec.structs.replace(view, by_name=None)
    for name in NAMES:
        assert _value(view, name) == _value(plain, name)


def test_no_header_and_no_query_is_in_its_repr() -> None:
    view = view_of((b"authorization", b"Bearer secret"), target=b"/orders?token=secret")
    assert "secret" not in repr(view)
    assert "secret" not in str(view.__rich_repr__())
