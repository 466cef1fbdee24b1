"""Published test vectors, read from their archives: never copied into the project, never unpacked to disk.

They are looked for in `DOORWARD_VECTORS`, else in `../shared/vectors` beside the checkout. A stranger's clone has
neither and skips those tests with a line; under `CI` they are required.
"""

import os
import tarfile
from functools import cache
from pathlib import Path
from typing import Final, final

import pytest

__all__ = ["Vectors", "find_vectors"]

_CHECKOUT: Final = Path(__file__).parents[2]


@final
class Vectors:
    """The corpora in one folder of `<corpus>.tar.xz` archives."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._read = cache(self._read_corpus)

    def files(self, corpus: str) -> dict[str, bytes]:
        """Every file of a corpus by its path below the corpus folder."""
        return self._read(corpus)

    def _read_corpus(self, corpus: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with tarfile.open(self.folder / f"{corpus}.tar.xz") as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None:
                    found[member.name.partition("/")[2]] = stream.read()
        return found


def find_vectors() -> Path | None:
    """The folder of archives, or None in a clone that has none."""
    named = os.environ.get("DOORWARD_VECTORS")
    folder = Path(named) if named else _CHECKOUT.parent / "shared" / "vectors"
    return folder if next(folder.glob("*.tar.xz"), None) else None


@pytest.fixture(scope="session")
def vectors() -> Vectors:
    """The published vectors; skips locally and fails under CI when they are not there."""
    folder = find_vectors()
    if folder is not None:
        return Vectors(folder)
    message = "the published test vectors are not here: set DOORWARD_VECTORS to their folder"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
