"""Makes `.venv` what a lock says, and nothing when it already is: `python3 tools/environment.py demo|test`.

Runs before anything is installed, so it uses the standard library only, and is written so that an old Python can
still read it and say that it is too old.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["main", "stamp_of"]

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def stamp_of(lock: str) -> str:
    """What the environment was made from: the interpreter, the lock and the project's own metadata."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for name in (f"requirements/{lock}.txt", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _say(line: str) -> None:
    print(line, flush=True)


def _stop(what: str, cure: str, output: str = "") -> None:
    _say(f"{what} {cure}")
    if output:
        _say(output)
    raise SystemExit(1)


def _run(command: "list[str]", what: str, cure: str) -> None:
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        _stop(what, cure, "\n".join(done.stdout.decode(errors="replace").splitlines()[-15:]))


def main(lock: str) -> None:
    """Bring `.venv` up to date; stops with one line that says what to do when it cannot."""
    if sys.version_info < OLDEST:
        have = ".".join(map(str, sys.version_info[:3]))
        _stop(f"Doorward needs Python 3.11 or newer, and this is {have}.", "Try: make PYTHON=python3.12 ...")
    venv = ROOT / os.environ.get("VENV", ".venv")
    stamp = venv / f"{lock}.stamp"
    wanted = stamp_of(lock)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    made_by = venv / "python.stamp"
    if not made_by.exists() or made_by.read_text() != sys.version + sys.executable:
        _say(f"▸ creating {venv.name} with Python {sys.version.split()[0]}")
        _run(
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            "Python's venv module does not work here.",
            "On Debian or Ubuntu: apt-get install python3-venv",
        )
        made_by.write_text(sys.version + sys.executable)
    python = str(venv / "bin" / "python")
    packages = (ROOT / "requirements" / f"{lock}.txt").read_text().count("==")
    _say(f"▸ installing {packages} pinned packages (once; a minute or two)")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    _run(
        [*pip, "--require-hashes", "-r", f"requirements/{lock}.txt"],
        f"The packages of requirements/{lock}.txt could not be installed.",
        "Is a package index reachable (pip's own configuration decides which)? The end of what pip said:",
    )
    _run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", "."],
        "Doorward itself could not be installed.",
        "Run `make clean` and try again. The end of what pip said:",
    )
    stamp.write_text(wanted)


if __name__ == "__main__":
    main(sys.argv[1])
