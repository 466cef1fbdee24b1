"""`doorward serve`: what it says when it starts, and how it says that it does not."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest
from tests.fixtures_cli import Shell, child_environment

from doorward.wire.credential import has_valid_checksum


def _serve(shell: Shell, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "doorward.cli", "serve", "--port", "0", "--metrics-port", "0", *arguments],
        cwd=shell.folder,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def dev(empty_shell: Shell) -> Iterator[tuple[dict[str, str | None], subprocess.Popen[str]]]:
    """What `serve --dev --json` says once it answers, and its process."""
    process = _serve(empty_shell, "--dev", "--json")
    assert process.stdout is not None
    yield json.loads(process.stdout.readline()), process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_development_server_says_where_it_is_and_shows_its_first_key_once(
    empty_shell: Shell, dev: tuple[dict[str, str], subprocess.Popen[str]]
) -> None:
    ready, process = dev
    assert set(ready) == {"url", "metrics_url", "admin_key"}
    assert has_valid_checksum(ready["admin_key"])
    headers = {"authorization": f"Bearer {ready['admin_key']}"}
    assert httpx2.get(f"{ready['url']}/api/v1/apps", headers=headers).status_code == 200
    assert httpx2.get(f"{ready['url']}/api/v1/apps").status_code == 401
    assert httpx2.get(ready["metrics_url"]).status_code == 200
    assert empty_shell.json("apps", "create", "--dev", "shop")["name"] == "shop"
    process.send_signal(signal.SIGTERM)
    said, told = process.communicate(timeout=20)
    assert ready["admin_key"] not in said + told
    assert process.returncode == 0
    assert empty_shell.json("audit", "verify", "--dev")["verifications"]["intact"] is True
    decisions = empty_shell.good("audit", "verifications", "--dev", "--json").lines
    assert [decision["code"] for decision in decisions] == [None, "credential_missing"]
    assert decisions[0]["request"] == "GET /api/v1/apps"
    refused = empty_shell.good("audit", "verifications", "--dev", "--code", "credential_missing").out
    assert "credential_missing" in refused
    assert "admitted" not in refused


@pytest.mark.slow
def test_people_are_told_what_to_try(empty_shell: Shell) -> None:
    with _serve(empty_shell, "--dev") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        key = process.stdout.readline().strip()
        told = ""
        for line in process.stderr:
            told += line
            if "Ctrl-C ends it" in line:
                break
        process.send_signal(signal.SIGINT)
        rest, more = process.communicate(timeout=20)
    assert has_valid_checksum(key)
    assert rest == ""
    assert key not in told + more
    for expected in (
        "http://127.0.0.1:",
        "/api/docs",
        "/healthz",
        "/metrics",
        "read -rs KEY",
        "doorward keys create --dev",
    ):
        assert expected in told
    assert "Traceback" not in told + more


def test_what_is_unsafe_is_listed_and_nothing_starts(empty_shell: Shell) -> None:
    said = empty_shell("serve")
    assert said.code == 3
    assert said.out == ""
    assert said.err.count("✗") >= 3
    assert "Not started" in said.err
    assert list(empty_shell.folder.iterdir()) == []


def test_development_stays_on_this_machine(empty_shell: Shell) -> None:
    said = empty_shell("serve", "--dev", "--host", "0.0.0.0")  # noqa: S104  # what must be refused
    assert said.code == 3
    assert "must not be reachable from another machine" in " ".join(said.err.split())


def test_a_port_that_is_none(empty_shell: Shell) -> None:
    assert empty_shell("serve", "--dev", "--port", "99999").code == 3
    assert empty_shell("serve", "--dev", "--port", "http").code == 2
