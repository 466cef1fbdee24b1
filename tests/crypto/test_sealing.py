import secrets

import pytest

from doorward.crypto.sealing import MASTER_KEY_BYTES, MasterKeys, UnsealError

ENTROPY = secrets.token_bytes


def keys(*ids: str) -> MasterKeys:
    return MasterKeys({id_: ENTROPY(MASTER_KEY_BYTES) for id_ in ids}, current=ids[-1], entropy=ENTROPY)


def test_a_sealed_value_opens_for_its_purpose_and_row_only() -> None:
    master = keys("a", "b")
    sealed = master.seal(b"seed", purpose="totp", row="person/1")
    assert b"seed" not in sealed
    assert master.open(sealed, purpose="totp", row="person/1") == b"seed"
    for purpose, row in (("totp", "person/2"), ("webhook", "person/1")):
        with pytest.raises(UnsealError):
            master.open(sealed, purpose=purpose, row=row)


def test_two_seals_of_one_value_differ() -> None:
    master = keys("a")
    assert master.seal(b"seed", purpose="p", row="r") != master.seal(b"seed", purpose="p", row="r")


def test_every_altered_octet_and_every_cut_is_noticed() -> None:
    master = keys("a", "b")
    sealed = master.seal(b"seed", purpose="p", row="r")
    for at in range(len(sealed)):
        with pytest.raises(UnsealError):
            master.open(sealed[:at] + bytes([sealed[at] ^ 0x81]) + sealed[at + 1 :], purpose="p", row="r")
        with pytest.raises(UnsealError):
            master.open(sealed[:at], purpose="p", row="r")


def test_another_deployment_cannot_open() -> None:
    sealed = keys("a").seal(b"seed", purpose="p", row="r")
    with pytest.raises(UnsealError):
        keys("a").open(sealed, purpose="p", row="r")
    with pytest.raises(UnsealError):
        keys("b").reseal(sealed, purpose="p", row="r")


def test_purposes_and_keys_derive_apart() -> None:
    master = keys("a", "b")
    derived = {master.derive(p, key_id=k) for p in ("one", "two") for k in ("a", "b")}
    assert len(derived) == 4
    assert master.derive("one") == master.derive("one", key_id="b")


def test_a_key_or_id_of_the_wrong_size_is_our_own_bug() -> None:
    for ids, size in ((("k" * 33,), 32), (("",), 32), (("ä",), 32), (("k",), 31), (("k",), 33)):
        with pytest.raises(AssertionError):
            MasterKeys({id_: bytes(size) for id_ in ids}, current=ids[0], entropy=ENTROPY)
