"""The webhooks of the tour: a sender, a gateway on the way that rewrites bodies, and a receiver that handles each once.

The sender signs here as the Standard Webhooks specification says, without Doorward's own code.
"""

import base64
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
from tools.demo_credentials import Credentials
from tools.demo_gateway import KEPT
from tools.demo_processes import DemoFailed, Processes, wait_until_up
from tools.demo_tour import Case, Outcome, ask_case, bearer

__all__ = [
    "EXPLAIN",
    "GROUP",
    "PAYMENT",
    "SIGN",
    "Hooks",
    "Why",
    "explain_refusal",
    "sign",
    "start_hooks",
    "tour_of_webhooks",
    "wait_for_hooks",
]

GROUP: Final = "Webhooks"
_ROOT: Final = Path(__file__).resolve().parent.parent
_SECRET: Final = "hooks.secret"  # noqa: S105  # a file's name
PAYMENT: Final = "payment.json"
"""A body to sign."""
SIGN: Final = ("webhooks", "sign", "--scheme", "standard", "--secret-file", _SECRET, "--body", PAYMENT)
"""The command that signs it, in the folder of the demo."""
EXPLAIN: Final = ("webhooks", "explain", "--scheme", "standard", "--secret-file", _SECRET, "--request", KEPT)
"""The command that says why a delivery was refused, in the folder of the demo."""
_COMMAND_S_MAX: Final = 30.0


class Hooks(NamedTuple):
    """What runs for the webhooks."""

    receiver: str
    gateway: str
    folder: Path
    secret: str


class Why(NamedTuple):
    """What the explanation came to: a sentence, and what to do."""

    says: str
    cure: str


def start_hooks(processes: Processes, ports: tuple[int, int], database: Path, folder: Path) -> Hooks:
    """Start the receiver, and the gateway in front of it; neither is up when this returns."""
    receiver, gateway = (f"http://127.0.0.1:{port}" for port in ports)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    secret_file = folder / _SECRET
    secret_file.touch(0o600)
    secret_file.write_text(secret + "\n")
    (folder / PAYMENT).write_text('{"order":"7","amount":100}')
    sources = {"DOORWARD_DATABASE_URL": f"sqlite:///{database}", "HOOKS_SECRET": secret}
    processes.serve("hooks", "hooks:app", _ROOT / "examples", ports[0], environment=sources, folder=folder)
    rewriting = {"UPSTREAM": receiver, "KEPT_IN": str(folder)}
    processes.serve("gateway", "tools.demo_gateway:app", _ROOT, ports[1], environment=rewriting, folder=folder)
    return Hooks(receiver, gateway, folder, secret)


def wait_for_hooks(hooks: Hooks, processes: Processes) -> None:
    """Return when both answer."""
    for url in (hooks.receiver, hooks.gateway):
        wait_until_up(f"{url}/health", processes)


def tour_of_webhooks(client: httpx2.Client, hooks: Hooks, made: Credentials) -> list[Outcome]:
    """Deliver in every way that matters; the order matters."""
    take, place, receiver = "POST /payments", "PUT /orders/{}", hooks.receiver
    paid, early = (json.dumps({"order": order, "amount": 4200}, separators=(",", ":")).encode() for order in "78")
    signed, signed_early = (sign(hooks.secret, body) for body in (paid, early))
    placing, reading = bearer(made.writing), bearer(made.reading)

    def case(ask: str, shown: str, headers: Mapping[str, str], status: int, **more: Any) -> Case:  # Any: `Case`'s own
        return Case(GROUP, ask, shown, headers, status, **{"server": receiver, **more})

    return [
        ask_case(client, each)
        for each in (
            case(place.format(7), "order 7 is placed", placing, 204, body=b""),
            case(take, "unsigned", {}, 401, code="credential_missing", body=paid),
            case(take, "its JSON rewritten", signed, 401, code="credential_invalid", body=paid, server=hooks.gateway),
            case(take, "signed, as it was sent", signed, 200, body=paid, says='"from":"payments"'),
            case(take, "sent twice, run once", signed, 200, body=paid, empty=True),
            case("GET /orders/7", "paid once, not twice", reading, 200, says="[4200]"),
            case(take, "no order yet: try again", signed_early, 503, body=early),
            case(place.format(8), "order 8 is placed", placing, 204, body=b""),
            case(take, "the sender's next try", signed_early, 200, body=early, says='"from":"payments"'),
            case("GET /orders/8", "paid, and nothing lost", reading, 200, says="[4200]"),
        )
    ]


def explain_refusal(hooks: Hooks) -> Why:
    """Ask the command line why the receiver refused what the gateway passed on."""
    done = subprocess.run(
        [sys.executable, "-m", "doorward.cli", *EXPLAIN, "--json"],
        cwd=hooks.folder, env={**os.environ}, capture_output=True, text=True, timeout=_COMMAND_S_MAX, check=False,
    )  # fmt: skip
    found = [] if done.returncode else json.loads(done.stdout)["findings"]
    if not found:
        raise DemoFailed(f"doorward webhooks explain found nothing: {(done.stdout + done.stderr).strip()[-300:]}")
    return Why(found[0]["says"], found[0]["cure"])


def sign(secret: str, body: bytes) -> Mapping[str, str]:
    """The headers of a delivery, as the specification of Standard Webhooks says."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message_id, at = f"msg_{secrets.token_hex(8)}", int(time.time())
    mac = hmac.digest(key, f"{message_id}.{at}.".encode() + body, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
