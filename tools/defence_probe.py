"""Runs one test in the current folder and says how it ended, as one line of JSON: the inner half of `defences.py`.

Its own process, because a module that was imported before the source was changed would still hold the defence.
"""

import contextlib
import io
import json
import sys
from typing import Final

import pytest

__all__ = ["Outcome"]

# A patch that breaks the program proves nothing about the defence.
_BROKEN: Final = (SyntaxError, ImportError, NameError)
# Only what the tests themselves need: loading every installed plugin costs more than most of the tests.
_PLUGINS: Final = ("-p", "pytest_asyncio.plugin", "-p", "pytest_timeout")


class Outcome:
    """Collects how the test ended, phase by phase."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.broken: list[str] = []
        self.passed = 0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test that cannot be collected was not run."""
        if report.failed:
            self.broken.append(f"not collected: {report.longreprtext.splitlines()[-1]}")

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """A failure counts in the test itself only, and only when the test is what failed."""
        if call.excinfo is None:
            self.passed += call.when == "call"
        elif issubclass(call.excinfo.type, pytest.skip.Exception):
            self.broken.append(f"skipped: {call.excinfo.value}")
        elif call.when != "call" or issubclass(call.excinfo.type, _BROKEN):
            self.broken.append(f"{item.name}, {call.when}: {call.excinfo.exconly()[:300]}")
        else:
            self.failed.append(call.excinfo.exconly()[:300])


def main(test_ids: list[str]) -> None:
    """Run the tests and print the outcome; the tests' own output is thrown away."""
    outcome = Outcome()
    options = ["-q", "-x", "--timeout=30", "-p", "no:cacheprovider", "-p", "no:randomly", *_PLUGINS]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = pytest.main([*options, *test_ids], plugins=[outcome])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and not outcome.broken:
        outcome.broken.append(output.getvalue()[-300:])
    print(json.dumps({"failed": outcome.failed, "broken": outcome.broken, "passed": outcome.passed}))


if __name__ == "__main__":
    main(sys.argv[1:])
