"""The frame itself: a guard nobody tests is a guard nobody has."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.frame.loopback import NetworkRefused, is_local
from tests.frame.tools import find_tool
from tests.frame.vectors import Vectors, find_vectors


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1", ""])
def test_this_machine_is_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", "0.0.0.0", "::ffff:192.0.2.1"])  # noqa: S104  # an address to refuse
def test_everything_else_is_not(host: str) -> None:
    assert not is_local(host)


def test_connections_and_lookups_outside_are_refused() -> None:
    with socket.socket() as outside, pytest.raises(NetworkRefused):
        outside.connect(("192.0.2.1", 80))
    with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(NetworkRefused):
        datagram.sendto(b"x", ("192.0.2.1", 53))
    with pytest.raises(NetworkRefused):
        socket.getaddrinfo("example.org", 80)


async def test_the_event_loop_is_refused_too() -> None:
    with pytest.raises(NetworkRefused):
        await asyncio.open_connection("192.0.2.1", 80)


def test_unix_sockets_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen()
        client.connect(str(path))


def test_a_missing_tool_skips_locally_and_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        find_tool("no-such-tool")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="not installed"):
        find_tool("no-such-tool")


def test_a_tool_that_is_there_is_found(require_tool: Callable[[str], str]) -> None:
    assert Path(require_tool("sh")).exists()


def test_a_clone_without_vectors_finds_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOORWARD_VECTORS", str(tmp_path))
    assert find_vectors() is None


def test_a_corpus_is_read_from_its_archive(vectors: Vectors) -> None:
    assert "SOURCE.txt" in vectors.files("identity-rfc")
