"""What a command changes is in force at a server that runs beside it, within the bound of the feed."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx2
import pytest
from tests.fixtures_cli import Shell, child_environment

pytestmark = pytest.mark.slow

BOUND_S = 1.5
"""By pull alone; the push is usually much quicker."""
LATE_S = 2.0
"""Two shared cores in the middle of a test run."""


@pytest.fixture
def url(empty_shell: Shell) -> Iterator[str]:
    """A development server, as a process of its own."""
    command = ("serve", "--dev", "--json", "--port", "0", "--metrics-port", "0")
    with subprocess.Popen(
        [sys.executable, "-m", "doorward.cli", *command],
        cwd=empty_shell.folder,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()
        process.wait(20)


def test_every_change_of_a_key_is_in_force_and_has_its_reason(empty_shell: Shell, url: str) -> None:
    shell = empty_shell
    app = shell.json("apps", "create", "--dev", "reporting")
    scope = ("--scope", "doorward:apps:read")
    made = shell.json("keys", "create", "--dev", app["id"], *scope)
    key_id = made["key"]["id"]

    with httpx2.Client(base_url=url, headers={"x-api-key": made["secret"]}, trust_env=False) as client:

        def becomes(status: int, code: str | None = None) -> httpx2.Response:
            ends = time.monotonic() + BOUND_S + LATE_S
            while True:
                answer = client.get("/api/v1/apps")
                if (answer.status_code, answer.json().get("code")) == (status, code):
                    return answer
                assert time.monotonic() < ends, (answer.status_code, answer.text)
                time.sleep(0.02)

        becomes(200)
        steps = 0
        for command, status, code in (
            (("keys", "disable", key_id), 401, "credential_disabled"),
            (("keys", "enable", key_id), 200, None),
            (("keys", "change", key_id, "--no-scopes"), 403, "scope_insufficient"),
            (("keys", "change", key_id, *scope), 200, None),
            (("keys", "change", key_id, "--network", "192.0.2.0/24"), 403, "credential_network"),
            (("keys", "change", key_id, "--any-network"), 200, None),
            (("keys", "change", key_id, "--rate", "1/1h"), 429, "rate_limited"),
            (("keys", "change", key_id, "--no-rate"), 200, None),
            (("apps", "suspend", app["id"]), 401, "app_suspended"),
            (("apps", "resume", app["id"]), 200, None),
            (("keys", "revoke", key_id), 401, "credential_revoked"),
        ):
            steps += 1
            shell.good(*command, "--dev", "--because", f"step {steps}")
            becomes(status, code)
        refused = shell("keys", "enable", key_id, "--dev", "--because", "no way back")
        assert refused.code == 1
        assert len(refused.err.splitlines()) == 1
        becomes(401, "credential_revoked")
    events = shell.good("audit", "list", "--dev", "--app", app["id"], "--json").lines
    assert [event["reason"] for event in events if event["reason"]] == [f"step {n + 1}" for n in range(steps)]
