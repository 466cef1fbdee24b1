"""Every library, sync and async, through real doors on a real server: admitted, renewed, refused."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.clients.conftest import Keeper, served
from tests.clients.libraries import Library
from tests.simulators.issuer import API, ISSUER, NOW, SimulatedIssuer, SimulatedKeys
from tests.simulators.plane import SimulatedPlane
from tests.simulators.store import OPERATOR, SimulatedStore

from doorward import Bearer, SignedRequests
from doorward.apps.port import AppRecord
from doorward.clients import IssuedToken
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.door import Door
from doorward.frameworks.asgi import DoorMiddleware
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.basic import Basic
from doorward.methods.basic.operations import create_password
from doorward.methods.basic.order import PasswordOrder

pytestmark = pytest.mark.slow


class _Ring(SimulatedKeys):
    issuer = ISSUER


class _TokenStore:
    def __init__(self, issuer: SimulatedIssuer) -> None:
        self.keyring = _Ring(issuer.key.verification)
        self.plane = SimulatedPlane(lambda: float(NOW))


_SECRET: Final = secrets.token_bytes(32)
_ED25519: Final = ed25519.Ed25519PrivateKey.generate()
_SIGNERS: Final = {
    "hmac": SignatureSigner(SignatureAlgorithm.HMAC_SHA256, _SECRET),
    "ed25519": SignatureSigner(SignatureAlgorithm.ED25519, _ED25519),
}
_VERIFIERS: Final = {key_id: signer.verifier for key_id, signer in _SIGNERS.items()}


def _present(store: SimulatedStore) -> SimulatedStore:
    """A client signs by the clock of its machine."""
    store.now = time.time()
    return store


class _House:
    """A server with a door for each method, by the first part of the path."""

    def __init__(self, store: SimulatedStore) -> None:
        self.issuer: Final = SimulatedIssuer()
        self.keeper: Final = Keeper()
        self.tokens: Final = _TokenStore(self.issuer)
        methods: dict[str, Any] = {
            "/key": ApiKeys(store),
            "/basic": Basic(store, danger_plain_http_on_loopback=True),
            "/token": Bearer(self.tokens, audience=API),
            "/signed": SignedRequests(_present(SimulatedStore()), keys=_VERIFIERS),
        }
        self._doors = {
            path: DoorMiddleware(self.keeper, Door(method, clock=lambda: float(NOW)))
            for path, method in methods.items()
        }
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._doors[scope["path"]](scope, receive, send)


@pytest.fixture
def house(store: SimulatedStore) -> Iterator[_House]:
    made = _House(store)
    with served(made) as url:
        made.url = url
        yield made


async def test_an_api_key_opens_the_door(
    library: Library, house: _House, store: SimulatedStore, owner: AppRecord
) -> None:
    key = await create_key(store, KeyOrder(app_id=owner.id, name="k"), actor=OPERATOR)
    auth = library.auth("ApiKeyAuth", key.text)
    assert _send(library, auth, f"{house.url}/key") == 200
    assert key.text not in repr(auth)
    strangers = SimulatedStore()
    strangers.app_rows[owner.id] = owner
    other = await create_key(strangers, KeyOrder(app_id=owner.id, name="k"), actor=OPERATOR)
    assert _send(library, library.auth("ApiKeyAuth", other.text), f"{house.url}/key") == 401


async def test_an_app_password_opens_the_door(
    library: Library, house: _House, store: SimulatedStore, owner: AppRecord
) -> None:
    password = await create_password(store, PasswordOrder(app_id=owner.id, name="p"), actor=OPERATOR)
    auth = library.auth("BasicAuth", owner.id, password.text)
    assert _send(library, auth, f"{house.url}/basic") == 200
    assert password.text not in repr(auth)


def test_a_token_opens_the_door(library: Library, house: _House) -> None:
    auth = library.auth("BearerAuth", house.issuer.issue().decode())
    assert _send(library, auth, f"{house.url}/token") == 200


def test_a_refused_token_is_replaced_at_the_door(library: Library, house: _House) -> None:
    tokens = [house.issuer.issue(exp=NOW - 1), house.issuer.issue(jti="tok2"), house.issuer.issue(jti="tok3")]
    given = iter(tokens)
    auth = library.auth("BearerAuth", library.source(lambda: IssuedToken(next(given).decode(), 600)))
    assert [_send(library, auth, f"{house.url}/token") for _ in range(2)] == [200, 200]
    assert next(given) == tokens[2]
    assert "ey" not in repr(auth)


def test_a_token_that_is_none_is_refused_after_one_more_attempt(library: Library, house: _House) -> None:
    asked: list[int] = []

    def get() -> str:
        asked.append(1)
        return house.issuer.issue(exp=NOW - len(asked)).decode()

    auth = library.auth("BearerAuth", library.source(get))
    assert [_send(library, auth, f"{house.url}/token") for _ in range(3)] == [401, 401, 401]
    assert len(asked) == 2
    assert house.keeper.requests == []


@pytest.mark.parametrize("key_id", _SIGNERS)
def test_signed_requests_open_the_door(library: Library, house: _House, key_id: str) -> None:
    auth = library.auth("SignatureAuth", _SIGNERS[key_id], key_id)
    # Each with a nonce of its own.
    assert [_send(library, auth, f"{house.url}/signed?id=7&x=%20") for _ in range(2)] == [200, 200]
    assert [request.body for request in house.keeper.requests] == [b"body", b"body"]
    assert library.send(auth, "GET", f"{house.url}/signed") == 200
    if key_id == "hmac":
        strangers = library.auth("SignatureAuth", _SECRET[::-1], key_id)
        assert _send(library, strangers, f"{house.url}/signed") == 401


def _send(library: Library, auth: Any, url: str) -> int:
    """In a thread of its own: the test may have a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(library.send, auth, "POST", url, b"body", {"content-type": "text/plain"}).result()
