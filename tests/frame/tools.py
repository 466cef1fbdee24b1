"""Tools that are not Python packages: skipped on a developer's machine with a line that says so, required under CI."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["find_tool"]


def find_tool(name: str) -> str:
    """The path of an executable; skips the test when there is none, fails it when `CI` is set."""
    # What came as a wheel before what the system happens to have, which may be years older.
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is not None:
        return path
    message = f"{name} is not installed (apt-get install {name})"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """`require_tool("wrk")` answers its path, or skips (locally) or fails (under CI) the test."""
    return find_tool
