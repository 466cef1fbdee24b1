import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto.master_key import (
    MASTER_KEYS_MAX,
    TEXT_CHARACTERS_MAX,
    generate_master_key,
    parse_master_keys,
    rotate_master_keys,
)
from doorward.crypto.sealing import MASTER_KEY_BYTES
from doorward.errors import Misconfigured

ENTROPY = secrets.token_bytes


def test_a_generated_file_parses_and_seals() -> None:
    keys = parse_master_keys(generate_master_key(ENTROPY), entropy=ENTROPY)
    assert keys.current == "k1"
    assert keys.open(keys.seal(b"seed", purpose="p", row="r"), purpose="p", row="r") == b"seed"


def test_the_last_line_is_current_and_the_older_ones_still_open() -> None:
    text = "# made on the first day\r\n\r\n" + generate_master_key(ENTROPY).rstrip("\n")
    old = parse_master_keys(text, entropy=ENTROPY)
    sealed = old.seal(b"seed", purpose="p", row="r")
    rotated = parse_master_keys(rotate_master_keys(text, ENTROPY), entropy=ENTROPY)
    assert rotated.current == "k2"
    assert rotated.key_ids == {"k1", "k2"}
    assert rotated.open(sealed, purpose="p", row="r") == b"seed"
    resealed = rotated.reseal(sealed, purpose="p", row="r")
    assert resealed is not None
    assert rotated.open(resealed, purpose="p", row="r") == b"seed"
    assert rotated.reseal(resealed, purpose="p", row="r") is None


def test_rotation_finds_the_next_number_and_leaves_other_names_alone() -> None:
    text = generate_master_key(ENTROPY, key_id="k7") + generate_master_key(ENTROPY, key_id="vault-2026")
    assert parse_master_keys(rotate_master_keys(text, ENTROPY), entropy=ENTROPY).current == "k8"


def _spare_bits_set(text: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    line = text.rstrip("\n")
    return line[:-1] + alphabet[alphabet.index(line[-1]) + 1]


_GOOD = generate_master_key(ENTROPY).rstrip("\n")
_SECRET = _GOOD.split(":")[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "k1:",
        f":{_SECRET}",
        f"k 1:{_SECRET}",
        f"k1 {_SECRET}",
        f"k1:{_SECRET[:-1]}",
        f"k1:{_SECRET}A",
        f"k1:{_SECRET}==",
        f"{'k' * 33}:{_SECRET}",
        f"kä:{_SECRET}",
        f"\ufeff{_GOOD}",
        f"k1:{_SECRET} # comment",
        _spare_bits_set(_GOOD),
        f"{_GOOD}\nk1:{generate_master_key(ENTROPY).split(':')[1]}",
        f"{_GOOD}\nk2:{_SECRET}",
        "k1:" + base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="),
        "k1:" + base64.urlsafe_b64encode(b"passwordpasswordpasswordpassword").decode().rstrip("="),
    ],
)
def test_what_is_not_exactly_a_key_file_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_master_keys(text, entropy=ENTROPY)
    assert refused.value.cure
    assert _SECRET[:20] not in str(refused.value)
    assert "cGFzc3dvcmQ" not in str(refused.value)


def test_one_key_over_the_limit() -> None:
    text = "".join(generate_master_key(ENTROPY, key_id=f"k{n + 1}") for n in range(MASTER_KEYS_MAX))
    parse_master_keys(text, entropy=ENTROPY)
    with pytest.raises(Misconfigured):
        rotate_master_keys(text, ENTROPY)
    with pytest.raises(Misconfigured):
        parse_master_keys(text + generate_master_key(ENTROPY, key_id="more"), entropy=ENTROPY)


def test_one_character_over_the_limit() -> None:
    padded = _GOOD + "\n#" + "-" * (TEXT_CHARACTERS_MAX - len(_GOOD) - 2)
    assert len(padded) == TEXT_CHARACTERS_MAX
    parse_master_keys(padded, entropy=ENTROPY)
    with pytest.raises(Misconfigured):
        parse_master_keys(padded + "-", entropy=ENTROPY)


def test_no_key_is_in_a_repr() -> None:
    keys = parse_master_keys(_GOOD, entropy=ENTROPY)
    assert _SECRET not in repr(keys)
    assert repr(keys) == "MasterKeys(ids=['k1'], current='k1')"


@given(st.text(max_size=200))
def test_garbage_ends_in_misconfigured(text: str) -> None:
    with pytest.raises(Misconfigured):
        parse_master_keys(text, entropy=ENTROPY)


@given(st.binary(min_size=MASTER_KEY_BYTES, max_size=MASTER_KEY_BYTES).filter(lambda key: len(set(key)) >= 12))
def test_what_is_generated_is_read_back(key: bytes) -> None:
    keys = parse_master_keys(generate_master_key(lambda _: key), entropy=ENTROPY)
    assert keys._keys == {"k1": key}
