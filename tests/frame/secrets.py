"""Watches for secrets that leave: in what every test logged or wrote to stderr, and in every file any process wrote.

No production code helps: a generated secret is known by its own form, because whatever matches the pattern and carries
a valid checksum is one (a chance match is one in four thousand million). Key files are known by their name; what is in
them must be nowhere else. Standard output is not searched: that is where a new secret is shown, once, to who asked.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import pytest

from doorward.wire.credential import PREFIX_PATTERN, has_valid_checksum

__all__ = ["Watch", "find_secrets", "search_files"]

# Begins with a literal, so that a database of many megabytes is searched quickly; the prefix is then read backwards.
_TAIL: Final = re.compile(rb"_[a-z]{2,8}_[0-9A-Za-z]{50}(?![0-9A-Za-z_])")
_PREFIX_AT_END: Final = re.compile(PREFIX_PATTERN.encode() + rb"\Z")
# `Authorization: Basic` carries user-id and password as base64: a log of that header is a leak too.
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{64,400}={0,2}")
_KEY_FILE: Final = re.compile(r"\.(key|keys)\Z")
_KEY_MATERIAL: Final = re.compile(rb"[A-Za-z0-9+/_-]{43}=?")
# How every private key in PEM begins, whoever's it is: the algorithm's name, and no secret.
_DER_HEAD: Final = (b"MIG", b"MII", b"MIM", b"MC4")
_WATCH: Final = pytest.StashKey["Watch"]()
_LAST: Final = "test_no_secret_leaves.py"


def _plain_secrets(data: bytes) -> Iterator[str]:
    for match in _TAIL.finditer(data):
        before = data[max(match.start() - 12, 0) : match.start()]
        # Text right before the prefix may run into it: try every beginning the prefix could have.
        for start in range(len(before)):
            prefix = before[start:]
            text = (prefix + match.group()).decode("ascii", "replace")
            if _PREFIX_AT_END.match(prefix) and has_valid_checksum(text):
                yield text
                break


def find_secrets(data: bytes) -> set[str]:
    """Every generated secret in `data`, also inside base64, without its secret part: `dw_live_<id>…`."""
    found = set(_plain_secrets(data))
    for match in _BASE64.finditer(data):
        try:
            decoded = base64.b64decode(match.group(), validate=True)
        except binascii.Error:
            continue
        found.update(_plain_secrets(decoded))
    return {text[: -(32 + 6)] + "…" for text in found}


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path


def search_files(folder: Path) -> tuple[int, list[str]]:
    """How many files were searched, and every leak: the file and what it gives away."""
    leaks: list[str] = []
    master_keys = {
        key
        for path in _files(folder)
        if _KEY_FILE.search(path.name)
        for key in _KEY_MATERIAL.findall(path.read_bytes())
        if not key.startswith(_DER_HEAD)
    }
    searched = 0
    for path in _files(folder):
        if _KEY_FILE.search(path.name):
            continue
        try:
            data = path.read_bytes()
        except OSError:
            continue  # a database that is being taken down meanwhile
        searched += 1
        leaks += [f"{path}: {secret}" for secret in find_secrets(data)]
        leaks += [f"{path}: a master key" for key in master_keys if key in data]
    return searched, leaks


@final
class Watch:
    """What the session gave away so far."""

    def __init__(self) -> None:
        self.leaks: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Search what a test logged and wrote to stderr; subprocesses inherit that stderr."""
        for channel in (report.caplog, report.capstderr):
            self.leaks += [f"{report.nodeid}, {report.when}: {secret}" for secret in find_secrets(channel.encode())]


def pytest_configure(config: pytest.Config) -> None:
    """Watch from the first test on."""
    watch = Watch()
    config.stash[_WATCH] = watch
    config.pluginmanager.register(watch)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The search comes last, whatever the random order is."""
    items.sort(key=lambda item: item.path.name == _LAST)


@pytest.fixture
def watch(request: pytest.FixtureRequest) -> Watch:
    """What the session gave away so far."""
    return request.config.stash[_WATCH]
