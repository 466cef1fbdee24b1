import base64
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.frame.secrets import find_secrets, search_files

from doorward.wire.credential import mint_credential_text

_MINTED = mint_credential_text(prefix="dw", label="live", entropy=secrets.token_bytes)
_SHOWN = {f"dw_live_{_MINTED.id}…"}
_SECRET = _MINTED.text.encode()


@pytest.mark.parametrize(
    "data",
    [
        _SECRET,
        b"Authorization: Bearer " + _SECRET + b"\r\n",
        b'{"key":"' + _SECRET + b'"}',
        b"\x00\x07" + _SECRET + b"\x00",
        b"run into letters" + _SECRET,
        b"basic " + base64.b64encode(b"app_000000000000:" + _SECRET),
    ],
)
def test_a_secret_is_found_wherever_it_stands(data: bytes) -> None:
    assert find_secrets(data) == _SHOWN


def test_what_is_reported_is_not_the_secret() -> None:
    assert not any(_MINTED.text[20:] in found for found in find_secrets(_SECRET))


def test_a_look_alike_is_none() -> None:
    last = b"0" if not _SECRET.endswith(b"0") else b"1"
    assert find_secrets(_SECRET[:-1] + last) == set()
    assert find_secrets(_SECRET + b"0") == set()


@pytest.fixture
def planted() -> Iterator[Path]:
    """Not `tmp_path`: what is planted here on purpose must be gone when the whole run is searched."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_files_are_searched_also_for_master_keys(planted: Path) -> None:
    (planted / "a").mkdir()
    (planted / "a" / "server.log").write_bytes(b"x" + _SECRET)
    key = base64.b64encode(secrets.token_bytes(32))
    (planted / "master.key").write_bytes(b"k1:" + key + b"\n")
    (planted / "copy.txt").write_bytes(key)
    (planted / "clean.txt").write_bytes(b"nothing")
    searched, leaks = search_files(planted)
    assert searched == 3
    assert sorted(leak.rpartition("/")[2].partition(":")[0] for leak in leaks) == ["copy.txt", "server.log"]
