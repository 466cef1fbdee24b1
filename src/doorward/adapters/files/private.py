"""Files that only this user can have written: whoever writes what a verifier believes decides who gets in.

Rules of this file:

* A file counts when it is a regular file of ours that nobody else may read or write, and is no link to one.
* Small files are replaced whole: a crash leaves the old or the new one. Each ends with its own SHA-256, so that what
  was torn or rotted is nothing.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import threading
from pathlib import Path
from typing import Final

from doorward.errors import Misconfigured

__all__ = ["SLOTS_MAX", "Slot", "make_private", "open_private", "read_sealed_text", "write_sealed_text"]

SLOTS_MAX: Final = 64
"""How many processes of this machine may keep their views in one folder."""
_SEALED_OCTETS_MAX: Final = 65_536


class Slot:
    """A folder in a folder that belongs to this process alone, until it is closed or ends.

    Several workers of one server are given the same folder. Each takes the first part nobody holds: after a restart
    the views of those before are found, whichever worker wrote them.
    """

    def __init__(self, folder: Path) -> None:
        make_private(folder)
        for number in range(SLOTS_MAX):
            self.folder: Path = folder / f"{number:02}"
            make_private(self.folder)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._lock)
                continue
            return
        raise Misconfigured(
            f"{SLOTS_MAX} processes keep their views in {folder} already.", cure="Give each server a folder of its own."
        )

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._lock)


def open_private(path: Path, flags: int) -> int:
    """A file descriptor of a file that is ours alone.

    Raises:
        PermissionError: it is somebody else's, or others may look at it or change it.
        OSError: it is not there, or is a link.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{path.name} is not a file of ours alone")  # noqa: TRY301  # closed below
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_sealed_text(path: Path, text: str) -> None:
    """Replace a small file. Raises `OSError`."""
    # Of this thread: two that replace one file at once must not finish each other's.
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    octets = f"{text}\n{_digest(text)}\n".encode()
    descriptor = open_private(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    temporary.replace(path)


def read_sealed_text(path: Path) -> str | None:
    """What `write_sealed_text` wrote; None when it is not there, not ours, or not whole."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            octets = file.read(_SEALED_OCTETS_MAX)
        text, digest, end = octets.decode("utf-8").rsplit("\n", 2)
    except (OSError, ValueError):
        return None
    return text if (digest, end) == (_digest(text), "") else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_private(folder: Path) -> None:
    """Make a folder nobody else may write in, or see that it is one. Raises `Misconfigured`, `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Misconfigured(
            f"{folder} is not a folder of this user's alone: whoever can write there decides who gets in.",
            cure="Name a folder of your own, with mode 0700.",
        )
