"""Node's own libraries, to check ours against: installed once, as pinned in `package.json` beside this file.

Like every tool that is no Python package: skipped on a developer's machine with a line that says so, required under CI.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from tests.frame.tools import find_tool

__all__ = ["run_node"]

_PACKAGES: Final = Path(__file__).parent / "package.json"
_FOLDER: Final = Path(__file__).resolve().parents[2] / ".scratch" / "node-tests"
_INSTALL: Final = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
_INSTALL_S_MAX: Final = 240


def run_node(script: str, *arguments: str, given: str = "") -> str:
    """Run a script that may `require` the pinned packages; answers what it wrote.

    Args:
        script: JavaScript; `process.argv[1]` is the first argument.
        arguments: of the script.
        given: its standard input.
    """
    environment = {**os.environ, "NODE_PATH": str(_modules())}
    done = subprocess.run(
        [find_tool("node"), "-e", script, *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _why_not() -> str:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    installed = _FOLDER / "package.json"
    if installed.exists() and installed.read_bytes() == _PACKAGES.read_bytes() and (_FOLDER / "complete").exists():
        return ""
    shutil.copy(_PACKAGES, installed)
    try:
        done = subprocess.run(_INSTALL, cwd=_FOLDER, capture_output=True, timeout=_INSTALL_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        return "npm did not install what tests/frame/package.json names in time"
    if done.returncode:
        return "npm could not install what tests/frame/package.json names"
    (_FOLDER / "complete").touch()
    return ""


def _modules() -> Path:
    find_tool("npm")
    why = _why_not()
    if why and os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    if why:
        pytest.skip(why)
    return _FOLDER / "node_modules"
