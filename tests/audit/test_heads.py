import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.audit.chain import ChainKey
from doorward.audit.heads import HEAD_CHARACTERS_MAX, HEADS_MAX, encode_head, parse_heads, seal_head
from doorward.errors import Rejected

KEY = ChainKey("k1", secrets.token_bytes(32))


def test_a_head_is_read_back_and_authentic() -> None:
    head = seal_head(KEY, chain="changes", sequence=7, link=secrets.token_bytes(32), at=1_700_000_000)
    line = encode_head(head).decode()
    assert parse_heads("\n" + line + "\n" + line) == (head, head)
    assert head.authentic({"k1": KEY})
    assert not head.authentic({"k1": ChainKey("k1", secrets.token_bytes(32))})
    assert not head.authentic({})


_GOOD = encode_head(seal_head(KEY, chain="changes", sequence=7, link=bytes(32), at=1)).decode().strip()


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "{}",
        "[]",
        _GOOD[:-1],
        _GOOD.replace('"sequence":7', '"sequence":-1'),
        _GOOD.replace('"sequence":7', f'"sequence":{2**63}'),
        _GOOD.replace('"sequence":7', '"sequence":"7"'),
        _GOOD.replace('"at":1', f'"at":{2**63}'),
        _GOOD.replace('"chain"', '"more":1,"chain"'),
        _GOOD.replace("00", "0g", 1),
        _GOOD.replace("00", "", 1),
        _GOOD + " " * HEAD_CHARACTERS_MAX,
    ],
)
def test_what_is_no_head_is_refused_by_line_number(line: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_heads(f"{_GOOD}\n{line}")
    assert refused.value.code == "input_invalid"
    assert "line 2" in refused.value.detail


def test_one_head_over_the_limit() -> None:
    assert len(parse_heads(f"{_GOOD}\n" * HEADS_MAX)) == HEADS_MAX
    with pytest.raises(Rejected):
        parse_heads(f"{_GOOD}\n" * (HEADS_MAX + 1))


@given(st.text(min_size=1, max_size=300).filter(str.strip))
def test_garbage_ends_in_rejected(text: str) -> None:
    with pytest.raises(Rejected):
        parse_heads(text)
