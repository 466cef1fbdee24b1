"""What can be made of the API's own description, fitting or not, breaks nothing. (schemathesis makes the cases.)

The cases are sent in the loop that owns the store, by our own client, with an administrator's key; ids that name
nothing are replaced by ones that do in half of them, so that the operations are reached and not their front only.
"""

import asyncio
import secrets
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from tests.server.management.conftest import OPERATOR, Answered

from doorward.app.administration import create_first_admin
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.errors import REFUSALS
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.signature.operations import create_signature_key
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.methods.webhook.operations import add_secret, add_sender
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.server.edge import Edge
from doorward.server.management import build_management
from doorward.server.metrics import Metrics
from doorward.values import Environment
from doorward.wire.hops import TrustedHops

PUBLIC = {refusal.public_code for refusal in REFUSALS.values()}
EXAMPLES_PER_OPERATION = 12


async def name_some(store: Store) -> dict[str, str]:
    """Ids that are there, by the name of their parameter."""
    app = await create_app(store, name="orders", actor=OPERATOR)
    key = await create_key(store, KeyOrder(app_id=app.id, name="k"), actor=OPERATOR)
    signature_key = await create_signature_key(store, SignatureKeyOrder(app_id=app.id, name="k"), actor=OPERATOR)
    sender = await add_sender(store, SenderOrder(name="main", scheme="github"), actor=OPERATOR)
    secret = await add_secret(store, SecretOrder(sender=sender.name), actor=OPERATOR)
    return {
        "{app_id}": app.id,
        "{key_id}": key.record.id,
        "{signature_key_id}": signature_key.record.id,
        "{name}": sender.name,
        "{secret_id}": secret.record.id,
    }


class Sender:
    """Sends a case as it is, and once more with ids that name something."""

    def __init__(self, runner: asyncio.Runner, client: httpx2.AsyncClient, admin: str, named: dict[str, str]) -> None:
        self.runner, self.client, self.admin, self.named = runner, client, admin, named

    def send(self, case: Any) -> list[Answered]:  # Any: what schemathesis made up
        arguments = case.as_transport_kwargs(base_url="http://localhost")
        path = case.path
        for parameter, known in self.named.items():
            path = path.replace(parameter, known)
        urls = {arguments["url"]} | ({f"http://localhost{path}"} if "{" not in path else set())
        return [self.runner.run(self._send(arguments, url)) for url in sorted(urls)]

    async def _send(self, arguments: dict[str, Any], url: str) -> Answered:  # Any: as above
        headers = {"authorization": f"Bearer {self.admin}"}
        if kind := arguments["headers"].get("Content-Type"):
            headers["content-type"] = kind
        content = arguments.get("data")
        if content is not None and not isinstance(content, bytes):
            content = str(content).encode()
        return Answered(
            await self.client.request(
                arguments["method"],
                url,
                params=arguments.get("params"),
                headers=headers,
                content=content,
                json=arguments.get("json"),
            )
        )


def explore(operation: Any, mode: GenerationMode, sender: Sender) -> None:  # Any: generic over a framework's case
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send_one(case: Any) -> None:  # Any: as above
        for answered in sender.send(case):
            assert str(answered.status) in operation.definition.raw["responses"]
            assert answered.status < 400 or answered.code in PUBLIC

    send_one()


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_case_of_the_description_breaks_the_api(sqlite_url: str, mode: GenerationMode) -> None:
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    store = open_store(sqlite_url, master_keys=keys)
    management = build_management(
        store, hops=TrustedHops(), key_prefix="dw", environment=Environment.LIVE, version="0", open_docs=True
    )
    transport = httpx2.ASGITransport(app=Edge(management, Metrics()))
    with asyncio.Runner() as runner:
        runner.run(store.start())
        admin = runner.run(create_first_admin(store, actor=OPERATOR)).text
        named = runner.run(name_some(store))
        client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")

        sender = Sender(runner, client, admin, named)
        for found in schemathesis.openapi.from_dict(management.openapi()).get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]  # Any: our own description is valid
            if mode is GenerationMode.POSITIVE or operation.body or operation.query:
                explore(operation, mode, sender)
        runner.run(client.aclose())
        runner.run(store.aclose())
