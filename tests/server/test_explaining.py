"""Explanations in a process of their own: what they answer, what they are not given, and that they end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.simulators.signed import BODY, changed, message, signed
from tests.simulators.signed import NOW as SIGNED_AT
from tests.simulators.webhook import NOW, Delivery, deliver

from doorward.errors import Unavailable
from doorward.methods.webhook.explain import SecretText, explain_delivery
from doorward.server import explaining
from doorward.server.explaining import EXPLANATIONS_WAITING_MAX, Explainer
from doorward.server.explaining_task import DeliveryTask, ExplainingTask, RequestTask, Told, explain_task

SECRET: Final = b"an HMAC secret of 32 bytes. good"
JWKS: Final = b'{"keys":[{"kty":"oct","kid":"k1","k":"YW4gSE1BQyBzZWNyZXQgb2YgMzIgYnl0ZXMuIGdvb2Q"}]}'


def delivery_task(delivery: Delivery, body: bytes | None = None, **other: object) -> DeliveryTask:
    parts: dict[str, object] = {
        "scheme": delivery.scheme.name,
        "signature_header": None,
        "secrets": (delivery.text,),
        "headers": tuple(delivery.headers),
        "body": delivery.body if body is None else body,
        "now": NOW,
        "url": delivery.url,
        "tolerance_s": 300,
        **other,
    }
    return msgspec.convert(parts, DeliveryTask, from_attributes=True)


def request_task(*, target: bytes = b"/orders?id=7", in_use: tuple[str, ...] = ("k1",)) -> RequestTask:
    received = changed(signed(message(target=b"/api/orders?id=7", body=BODY), body=BODY), target=target)
    return RequestTask(
        method=received.method,
        target=received.target,
        scheme=received.scheme,
        authority=received.authority or b"",
        headers=tuple(received.headers),
        body=BODY,
        now=SIGNED_AT,
        jwks=JWKS,
        in_use=in_use,
    )


def children() -> set[str]:
    """The processes this one has started and not yet seen end."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text("ascii").split()}


@pytest.fixture
def no_child_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


@pytest.mark.usefixtures("no_child_left")
async def test_a_delivery_is_explained_as_in_this_process() -> None:
    delivery = deliver("github")
    here = explain_delivery(delivery.scheme, [delivery.text], delivery.headers, delivery.body + b"\n", now=NOW)
    told = await Explainer().explain(delivery_task(delivery, delivery.body + b"\n"))
    assert (told.says, told.code, told.tried, told.complete) == (here.says, here.code, here.tried, here.complete)
    assert [finding.says for finding in told.findings] == [finding.says for finding in here.findings]
    assert told.findings[0].made_with == delivery.secret.id
    assert told.findings[0].changes == ("body.newline",)
    assert not told.problem


async def test_a_signed_request_is_explained_with_its_base() -> None:
    told = await Explainer().explain(request_task())
    assert told.says == "The signature fits when the path has /api before it."
    (path,) = [line for line in told.base if line.component == '"@path"']
    assert (path.received, path.signed) == ("/orders", "/api/orders")
    accepted = await Explainer().explain(request_task(target=b"/api/orders?id=7"))
    assert accepted.accepted


def test_a_key_that_is_not_in_use_is_told_as_such() -> None:
    told = explain_task(request_task(target=b"/api/orders?id=7", in_use=()))
    assert told.findings[0].changes == ("key.retired",)


def test_a_plain_signature_is_read_from_the_header_that_is_named() -> None:
    delivery = deliver("plain")
    moved = [(b"x-sum", value) if name == b"x-signature" else (name, value) for name, value in delivery.headers]
    task = delivery_task(delivery, headers=tuple(moved), signature_header="X-Sum")
    assert explain_task(task).accepted


@pytest.mark.parametrize(
    "task",
    [
        delivery_task(deliver("github"), scheme="unheard-of"),
        delivery_task(deliver("plain"), signature_header="X Sum"),
        delivery_task(deliver("github"), secrets=tuple(SecretText(id=str(n), text="x" * 24) for n in range(9))),
    ],
)
def test_what_cannot_be_looked_for_is_said(task: ExplainingTask) -> None:
    told = explain_task(task)
    assert told.problem
    assert not told.accepted


def test_no_repr_of_a_task_shows_a_secret() -> None:
    for task in (delivery_task(deliver("github")), request_task()):
        assert deliver("github").text.text not in repr(task)
        assert "YW4gSE1B" not in repr(task)
        assert {"body", "jwks"}.isdisjoint(name for name, _ in task.__rich_repr__())


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Has another program run in place of the explaining one."""

    def _stand_in(source: str) -> None:
        installed = tmp_path / "site-packages"
        installed.mkdir()
        (installed / "stand_in_for_explaining.py").write_text(source, encoding="ascii")
        monkeypatch.syspath_prepend(str(installed))
        monkeypatch.setattr(explaining, "_MODULE", "stand_in_for_explaining")

    return _stand_in


ENDLESS: Final = "import time\ntime.sleep(20)\n"


async def test_what_takes_too_long_is_stopped(stand_in: Callable[[str], None]) -> None:
    stand_in(ENDLESS)
    before = children()
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable) as raised:
            await Explainer(timeout_s=0.01).explain(delivery_task(deliver("github")))
    assert raised.value.code == "overloaded"
    assert children() <= before


async def test_whoever_goes_away_takes_the_process_along(stand_in: Callable[[str], None]) -> None:
    stand_in(ENDLESS)
    before = children()
    asked = asyncio.create_task(Explainer().explain(delivery_task(deliver("github"))))
    while children() <= before:  # noqa: ASYNC110  # the system tells nobody that a process has begun
        await asyncio.sleep(0)
    asked.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert children() <= before


async def test_a_process_that_fails_quotes_nothing(
    stand_in: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    stand_in("import sys\nraise ValueError(sys.stdin.buffer.read())\n")
    delivery = deliver("github")
    with pytest.raises(Unavailable):
        await Explainer().explain(delivery_task(delivery))
    written = capfd.readouterr()
    assert delivery.text.text not in written.err + written.out


async def test_a_process_that_ends_early_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "_MODULE", "doorward.server.no_such_module")
    with pytest.raises(Unavailable) as raised:
        await Explainer().explain(delivery_task(deliver("github")))
    assert raised.value.code == "overloaded"


@pytest.mark.slow
async def test_one_at_a_time_and_few_wait() -> None:
    explainer, task = Explainer(), delivery_task(deliver("github"))
    most = 0

    async def watch() -> None:
        nonlocal most
        before = children()
        while True:
            most = max(most, len(children() - before))
            await asyncio.sleep(0.002)

    watching = asyncio.create_task(watch())
    asked = [asyncio.create_task(explainer.explain(task)) for _ in range(EXPLANATIONS_WAITING_MAX + 3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    watching.cancel()
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert [(one.code, one.retry_after_s) for one in refused] == [("overloaded", 2)] * 2
    assert len(answers) - len(refused) == EXPLANATIONS_WAITING_MAX + 1
    assert most == 1


async def test_the_process_is_given_no_setting_of_ours(
    stand_in: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(
        "import msgspec, os, sys\n"
        "from doorward.server.explaining_task import Told\n"
        "told = Told(says=' '.join(sorted(os.environ)), problem=' '.join(sys.argv[1:]) + '|' + ' '.join(sys.path))\n"
        "sys.stdout.buffer.write(msgspec.msgpack.encode(told))\n"
    )
    monkeypatch.setenv("DOORWARD_MASTER_KEY", "k1:obviously-fake")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "obviously-fake")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    # As `python -m` has it.
    monkeypatch.syspath_prepend(str(here))
    told = await Explainer().explain(delivery_task(deliver("github")))
    # `LC_CTYPE` is Python's own doing where no locale is set (PEP 538).
    assert set(told.says.split()) <= {"PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LC_CTYPE"}
    arguments, _, places = told.problem.partition("|")
    assert arguments == ""
    assert str(tmp_path / "site-packages") in places.split()
    assert not {"", str(here)} & set(places.split(" ")), "whoever can write there would be handed secrets"


def test_the_process_confines_itself_and_loads_no_framework() -> None:
    code = (
        "import os, resource, sys\n"
        "import doorward.server.explaining_task as task\n"
        "assert not {'fastapi', 'starlette', 'pydantic', 'sqlalchemy', 'httpx2'} & set(sys.modules)\n"
        "before = os.getpriority(os.PRIO_PROCESS, 0)\n"
        "limits = resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_CORE\n"
        "def look(_task):\n"
        "    nicer = os.getpriority(os.PRIO_PROCESS, 0) > before\n"
        "    return task.Told(says=' '.join(str(resource.getrlimit(one)[1]) for one in limits) + f' {nicer}')\n"
        "task.explain_task = look\n"
        "task.main()\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    sent = msgspec.msgpack.encode(delivery_task(deliver("github")))
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], input=sent, capture_output=True, check=True, env=environment
    )
    assert msgspec.msgpack.decode(done.stdout, type=Told).says == "10 1073741824 0 True"
