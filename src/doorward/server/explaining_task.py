"""One explanation in a process of its own: the task comes in by standard input, the answer goes out by standard output.

`python -P -m doorward.server.explaining_task`, started by `explaining.py` and by nobody else.

Rules of this file:

* The process is given what this one explanation needs: no master key, no store, no setting, no key of anybody else.
* It confines itself before it reads: so much processor time, so much memory, no core file (it would hold secrets), and
  it gives way to those who serve. A task that runs into a limit ends the process and nothing besides.
* It imports no framework: starting it is most of what a small explanation costs.
"""

import contextlib
import os
import resource
import sys
from collections.abc import Sequence
from typing import Final, TypeAlias, final

import msgspec

from doorward.crypto.signature_keys import parse_json_keys
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature import Message
from doorward.methods.signature.explain import ExplainedKey, SignatureExplanation, SignatureFinding, explain_signature
from doorward.methods.webhook.explain import Explanation, Finding, SecretText, explain_delivery
from doorward.methods.webhook.schemes import find_scheme, plain_scheme
from doorward.wire.request import Header

__all__ = [
    "DeliveryTask",
    "ExplainingTask",
    "RequestTask",
    "Told",
    "ToldFinding",
    "ToldLine",
    "explain_task",
    "main",
]

CPU_S_MAX: Final = 10
"""How much processor time one explanation may take; the search itself ends after two seconds, by octets hashed."""
MEMORY_BYTES_MAX: Final = 1_073_741_824
"""How much address space it may use."""
NICENESS: Final = 5
"""How much it gives way to the processes that serve."""
TASK_BYTES_MAX: Final = 4_194_304
"""How long a task may be."""


@final
class DeliveryTask(msgspec.Struct, frozen=True, kw_only=True, tag="delivery"):
    """Explain a webhook. `signature_header` is the header of the scheme `plain`; None for the others."""

    scheme: str
    signature_header: str | None
    secrets: tuple[SecretText, ...]
    headers: tuple[Header, ...]
    body: bytes
    now: int
    url: str | None
    tolerance_s: int

    def __repr__(self) -> str:
        return f"DeliveryTask(scheme={self.scheme!r}, secrets={self.secrets!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("scheme", self.scheme), ("secrets", self.secrets)]


@final
class RequestTask(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """Explain a signed request. `jwks` is a JWK set that holds secrets; `in_use` are the ids of those that verify."""

    method: str
    target: bytes
    scheme: str
    authority: bytes
    headers: tuple[Header, ...]
    body: bytes
    now: int
    jwks: bytes
    in_use: tuple[str, ...]

    def __repr__(self) -> str:
        return f"RequestTask(method={self.method!r}, in_use={self.in_use!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # As above.
        return [("method", self.method), ("in_use", self.in_use)]


ExplainingTask: TypeAlias = DeliveryTask | RequestTask


@final
class ToldFinding(msgspec.Struct, frozen=True):
    """One answer. Holds neither a secret nor a signature."""

    says: str
    cures: tuple[str, ...]
    changes: tuple[str, ...]
    """The names of the changes, for programs."""
    made_with: str | None
    proven: bool


@final
class ToldLine(msgspec.Struct, frozen=True):
    """One line of a signature base; see `BaseLine`."""

    component: str
    received: str | None
    signed: str | None


@final
class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, of either kind. `problem`: why nothing could be looked for; empty when something was."""

    problem: str = ""
    accepted: bool = False
    code: str | None = None
    says: str = ""
    findings: tuple[ToldFinding, ...] = ()
    base: tuple[ToldLine, ...] = ()
    tried: int = 0
    complete: bool = True


def explain_task(task: ExplainingTask) -> Told:
    """Search. Takes up to two seconds of processor time."""
    try:
        found = _delivery(task) if isinstance(task, DeliveryTask) else _request(task)
    except Misconfigured as error:
        return Told(problem=str(error))
    except Rejected as refused:
        return Told(problem=refused.detail or refused.refusal.text)
    lines = found.base if isinstance(found, SignatureExplanation) else ()
    return Told(
        accepted=found.accepted,
        code=found.code,
        says=found.says,
        findings=_told(found.findings),
        base=tuple(ToldLine(line.component, line.received, line.signed) for line in lines),
        tried=found.tried,
        complete=found.complete,
    )


def _delivery(task: DeliveryTask) -> Explanation:
    plain = task.scheme == "plain" and task.signature_header is not None
    scheme = plain_scheme(task.signature_header or "") if plain else find_scheme(task.scheme)
    return explain_delivery(
        scheme, task.secrets, task.headers, task.body, now=task.now, url=task.url, tolerance_s=task.tolerance_s
    )


def _request(task: RequestTask) -> SignatureExplanation:
    message = Message(
        method=task.method,
        target=task.target,
        scheme=task.scheme,
        authority=task.authority,
        headers=task.headers,
    )
    keys = [
        ExplainedKey(name, key.verifier, in_use=name in task.in_use)
        for name, key in parse_json_keys(task.jwks).items()
        if key.verifier is not None
    ]
    return explain_signature(message, task.body, keys, now=task.now)


def _told(findings: Sequence[Finding] | Sequence[SignatureFinding]) -> tuple[ToldFinding, ...]:
    return tuple(
        ToldFinding(
            says=finding.says,
            cures=tuple(dict.fromkeys(change.cure for change in finding.changes)),
            changes=tuple(change.name for change in finding.changes),
            made_with=finding.key_id if isinstance(finding, SignatureFinding) else finding.secret_id,
            proven=finding.proven,
        )
        for finding in findings
    )


def main() -> None:
    """Read a task, explain it, write what was found."""
    _confine()
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(TASK_BYTES_MAX), type=DeliveryTask | RequestTask)
    sys.stdout.buffer.write(msgspec.msgpack.encode(explain_task(task)))


def _confine() -> None:
    for limit, most in (
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        # Where the operator has set less, less it is.
        with contextlib.suppress(ValueError):
            resource.setrlimit(limit, (most, most))
    os.nice(NICENESS)


if __name__ == "__main__":
    main()
