"""Every line of the table in docs/clients.md is run over TLS, against what it is for."""

import json
import re
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from tests.app.certificates import write_certificate
from tests.clients.conftest import Keeper, Received, served
from tests.clients.test_signature import JWK, KEYS
from tests.clients.test_webhook import SECRETS, verify
from tests.simulators.issuer import API, NOW, SimulatedIssuer
from tests.simulators.plane import SimulatedPlane
from tests.simulators.store import OPERATOR, SimulatedStore

from doorward import Bearer, Issuer
from doorward.apps.port import AppRecord
from doorward.door import Door
from doorward.frameworks.asgi import DoorMiddleware
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.basic import Basic
from doorward.methods.basic.operations import create_password
from doorward.methods.basic.order import PasswordOrder
from doorward.methods.signature import DEFAULT_PROFILE, verify_request

pytestmark = pytest.mark.slow

PAGE: Final = Path(__file__).parents[2] / "docs" / "clients.md"
ROWS: Final = re.findall(r"^\| ([A-Z][\w ]+) \| (`.+`) \|$", PAGE.read_text(), re.MULTILINE)
LINES: Final = [(method, line) for method, cells in ROWS for line in re.findall(r"`([^`]+)`", cells)]


class _Doors:
    """A door for whatever a door can judge; the rest is kept as it came."""

    def __init__(self, store: SimulatedStore) -> None:
        self.issuer: Final = SimulatedIssuer()
        self.keeper: Final = Keeper()
        tokens = Bearer(
            Issuer(issuer=self.issuer.name, audience=API, own=True, keys=self.issuer.keys),
            revocation=SimulatedPlane(lambda: float(NOW)),
        )
        door = Door(ApiKeys(store), Basic(store), tokens, clock=lambda: float(NOW))
        self._guarded: Final = DoorMiddleware(self.keeper, door)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self.keeper if scope["path"] == "/signed" else self._guarded)(scope, receive, send)


@pytest.fixture
def doors(store: SimulatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Doors]:
    certificate, key = write_certificate(tmp_path)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificate))
    made = _Doors(store)
    with served(made, ssl_certfile=certificate, ssl_keyfile=key) as url:
        made.keeper.url = url
        yield made


def _verify_signed(method: str, received: Received, url: str) -> None:
    if method == "Webhook":
        assert verify("standard", received, url).secret_id == "one"
        return
    verified = verify_request(received.message("https"), KEYS, DEFAULT_PROFILE, int(time.time()))
    assert verified is not None
    check = verified.body()
    assert check is not None
    check.update(received.body)
    check.verify_end()


def test_the_table_is_whole() -> None:
    assert [method for method, _ in ROWS] == ["API key", "Basic", "Bearer", "Signed request", "Webhook"]
    assert len(LINES) == 15


@pytest.mark.parametrize(("method", "line"), LINES, ids=lambda value: value.split("(")[0])
async def test_every_line_does_what_it_says(
    method: str, line: str, doors: _Doors, store: SimulatedStore, owner: AppRecord
) -> None:
    library = line.partition(".")[0]
    signed = method in ("Signed request", "Webhook")
    names: dict[str, object] = {
        **vars(import_module(f"doorward.clients.{library}")),
        library: import_module(library),
        "url": doors.keeper.url + ("/signed" if signed else "/orders"),
        "order": {"amount": 100},
        "key": (await create_key(store, KeyOrder(app_id=owner.id, name="k"), actor=OPERATOR)).text,
        "app_id": owner.id,
        "password": (await create_password(store, PasswordOrder(app_id=owner.id, name="p"), actor=OPERATOR)).text,
        "get_token": lambda: doors.issuer.issue().decode(),
        "jwk": JWK,
        "secret": SECRETS["standard"],
    }
    answer = eval(line, names)  # noqa: S307  # a line of our own page
    assert answer.status_code == 200
    (received,) = doors.keeper.requests
    assert json.loads(received.body) == {"amount": 100}
    if signed:
        _verify_signed(method, received, str(names["url"]))
