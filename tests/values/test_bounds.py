"""What people write about objects is bounded and printable, exactly at the limit."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Rejected
from doorward.values import RateLimit
from doorward.values.bounds import (
    METADATA_ENTRIES_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    NETWORKS_MAX,
    RATE_REQUESTS_MAX,
    RATE_WINDOW_S_MAX,
    parse_duration,
    parse_metadata,
    parse_name,
    parse_networks,
    parse_organization_id,
    parse_rate,
    parse_text,
)

_InputT = TypeVar("_InputT")


def _refused(parse: Callable[[_InputT], object], presented: _InputT) -> bool:
    with pytest.raises(Rejected) as caught:
        parse(presented)
    return caught.value.code == "input_invalid"


@pytest.mark.parametrize(
    ("parse", "most"), [(parse_name, NAME_CHARACTERS_MAX), (lambda text: parse_text(text, "it", 500), 500)]
)
def test_texts(parse: Callable[[str], str], most: int) -> None:
    assert parse("é" * most) == "é" * most
    for text in ("", " ", "é" * (most + 1), "a\x00", "a\n", "a\u2028b", "a\u202eb", "\u00a0a", "a\ud800"):
        assert _refused(parse, text)


def test_metadata() -> None:
    full = {
        f"{n:0{METADATA_KEY_CHARACTERS_MAX}}": "v" * METADATA_VALUE_CHARACTERS_MAX for n in range(METADATA_ENTRIES_MAX)
    }
    assert parse_metadata(full) == full
    for over in (
        {**full, "one more": ""},
        {"k" * (METADATA_KEY_CHARACTERS_MAX + 1): ""},
        {"k": "v" * (METADATA_VALUE_CHARACTERS_MAX + 1)},
        {"k": "\x1b[31m"},
    ):
        assert _refused(parse_metadata, over)


def test_networks_have_one_spelling() -> None:
    assert parse_networks(("10.0.0.1", "10.0.0.1/32", "2001:DB8:0::/32")) == ("10.0.0.1/32", "2001:db8::/32")
    assert len(parse_networks(tuple(f"10.0.0.{host}" for host in range(NETWORKS_MAX)))) == NETWORKS_MAX
    assert _refused(parse_networks, ("10.0.0.1",) * (NETWORKS_MAX + 1))
    for text in ("", "10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "localhost", "1" * 65, "fe80::1%\x1b[m/128"):
        assert _refused(parse_networks, (text,))


def test_rates_and_durations() -> None:
    most = RateLimit(requests=RATE_REQUESTS_MAX, window_s=RATE_WINDOW_S_MAX)
    assert parse_rate(most) == most
    for requests, window_s in ((0, 1), (-1, 1), (RATE_REQUESTS_MAX + 1, 1), (1, 0), (1, RATE_WINDOW_S_MAX + 1)):
        assert _refused(parse_rate, RateLimit(requests, window_s))
    assert parse_duration(5, "a lifetime", least_s=5, most_s=5) == 5
    exactly_five = partial(parse_duration, what="a lifetime", least_s=5, most_s=5)
    assert _refused(exactly_five, 6)
    assert _refused(exactly_five, 4)
    for most_s, words in ((86_400, "1 day"), (7_200, "2 hours"), (60, "1 minute"), (90, "90 seconds")):
        with pytest.raises(Rejected) as caught:
            parse_duration(0, "a lifetime", least_s=1, most_s=most_s)
        assert caught.value.detail == f"a lifetime is 1 second to {words}"


def test_organization_ids() -> None:
    assert parse_organization_id("a" * 64) == "a" * 64
    for text in ("", "a" * 65, "a b", "é", "a\n", "../x"):
        assert _refused(parse_organization_id, text)


@given(st.text(max_size=120))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for parse in (parse_name, parse_organization_id, lambda each: parse_networks((each,))):
        try:
            outcome = str(parse(text))
        except Rejected as error:
            outcome = error.code
        assert outcome
