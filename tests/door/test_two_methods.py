"""A door that takes API keys and, for those who know nothing better, Basic."""

from base64 import b64encode

import pytest
from tests.simulators.request import view_of
from tests.simulators.store import OPERATOR, SimulatedStore

from doorward.apps.port import AppRecord
from doorward.door import Door
from doorward.errors import Rejected
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.basic import Basic
from doorward.methods.basic.operations import create_password
from doorward.methods.basic.order import PasswordOrder
from doorward.wire.request import Header

SUNSET = 1_830_297_600
NOTICE = {
    b"sunset": b"Sat, 01 Jan 2028 00:00:00 GMT",
    b"link": b'<https://shop.example/moving>; rel="sunset"; type="text/html"',
}


@pytest.fixture
def door(store: SimulatedStore) -> Door:
    return Door(ApiKeys(store), Basic(store, sunset=SUNSET, migration_link="https://shop.example/moving"))


@pytest.fixture
async def key(store: SimulatedStore, owner: AppRecord) -> Header:
    issued = await create_key(store, KeyOrder(app_id=owner.id, name="new"), actor=OPERATOR)
    return b"x-api-key", issued.text.encode()


@pytest.fixture
async def password(store: SimulatedStore, owner: AppRecord) -> Header:
    issued = await create_password(store, PasswordOrder(app_id=owner.id, name="old"), actor=OPERATOR)
    return b"authorization", b"Basic " + b64encode(f"{owner.id}:{issued.text}".encode())


async def refusal(door: Door, *headers: Header) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await door.admit(view_of(*headers))
    return caught.value


def challenges(door: Door, refused: Rejected) -> list[bytes]:
    """The schemes a refusal of a request over TLS names, in order."""
    lines = [value for name, value in door.refuse(refused, view_of()).headers if name == b"www-authenticate"]
    return [line.partition(b" ")[0] for line in lines]


async def test_who_uses_basic_is_told_what_is_better(door: Door, password: Header) -> None:
    refused = await refusal(door, (b"authorization", b"Basic " + b64encode(b"app_000000000000:wrong")))
    assert challenges(door, refused) == [b"Bearer", b"Api-Key", b"Basic"]
    told = dict(door.refuse(refused).headers)
    assert b"deprecation" in told
    assert {name: told[name] for name in NOTICE} == NOTICE
    admitted = dict((await door.admit(view_of(password))).answer_headers)
    assert b"deprecation" in admitted
    assert {name: admitted[name] for name in NOTICE} == NOTICE


async def test_who_uses_a_key_is_told_nothing_of_basics_end(door: Door, key: Header) -> None:
    assert (await door.admit(view_of(key))).answer_headers == ()
    told = dict(door.refuse(await refusal(door, (key[0], key[1][:-1] + b"0"))).headers)
    assert not {b"deprecation", b"sunset", b"link"} & set(told)


async def test_a_key_and_a_password_at_once_are_refused(
    door: Door, store: SimulatedStore, key: Header, password: Header
) -> None:
    reads = store.reads
    assert (await refusal(door, key, password)).code == "credential_conflict"
    assert store.reads == reads
    # At a door for keys alone, a password is nothing.
    assert (await Door(ApiKeys(store)).admit(view_of(key, password))).principal.name == "orders-sync"
