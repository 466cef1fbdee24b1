"""Explanations of a running server: over HTTP, while it goes on serving, and what is left of them."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Final

import httpx2
import pytest
from tests.app.conftest import Start
from tests.simulators.webhook import deliver

from doorward.methods.webhook import SCHEMES, parse_secret, sign_delivery

pytestmark = pytest.mark.slow

BODY: Final = json.dumps([{"id": number, "note": "ä" * 20} for number in range(1_200)], ensure_ascii=False).encode()


def received(text: str, body: bytes) -> dict[str, object]:
    scheme = SCHEMES["github"]
    signed = sign_delivery(scheme, [parse_secret(scheme, text, secret_id="s")], BODY, now=1_700_000_000)
    fields = [{"name": name, "value": value} for name, value in signed]
    return {"headers": fields, "body_base64": b64encode(body).decode()}


def holds(folder: Path, hidden: str) -> bool:
    return any(hidden.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_a_large_delivery_is_explained_while_others_are_served(start: Start, tmp_path: Path) -> None:
    served = await start(dev="true")
    # It gives way to everybody, and this machine may be busy.
    served.client.timeout = httpx2.Timeout(40)
    await served.ask("POST", "/webhook-senders", key=served.admin, body={"name": "main", "scheme": "github"})
    minted = await served.ask("POST", "/webhook-senders/main/secrets", key=served.admin, body={})
    text = minted.json()["secret"]
    path = "/webhook-senders/main/explain"
    # Nothing that is known: the search goes to its end.
    broken = BODY[:5_000] + b"?" + BODY[5_001:]
    asked = asyncio.create_task(served.ask("POST", path, key=served.admin, body=received(text, broken)))
    answered = 0
    while not asked.done():
        assert (await served.client.get("/healthz")).status_code == 200
        answered += 1
    assert answered >= 20
    assert (await asked).json()["says"].startswith("None of these")
    spaced = json.dumps(json.loads(BODY), ensure_ascii=False, separators=(",", ":")).encode()
    explained = (await served.ask("POST", path, key=served.admin, body=received(text, spaced))).json()
    (finding,) = explained["findings"]
    assert (finding["proven"], finding["made_with"]) == (True, minted.json()["webhook_secret"]["id"])
    written = await served.stop()
    for hidden in (text, deliver("github", BODY, text=text).signature.decode().removeprefix("sha256=")):
        assert hidden not in written
        assert not holds(tmp_path, hidden)
