"""What `make check` and `make test` run, step by step: quiet while it goes well, what to do first when it does not."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["GATES", "Step", "main"]

ROOT: Final = Path(__file__).resolve().parent.parent
_PYTHON: Final = sys.executable
_BIN: Final = Path(_PYTHON).parent


class Step(NamedTuple):
    """One command. `streams` shows its own progress; everything else is shown only when it fails."""

    name: str
    command: tuple[str, ...]
    cure: str
    streams: bool = False


_LINT: Final = (
    Step("lint", (_PYTHON, "-m", "ruff", "check", "--quiet", "."), "`make format` mends some of it"),
    Step("format", (_PYTHON, "-m", "ruff", "format", "--quiet", "--check", "."), "run `make format`"),
    Step("types", (_PYTHON, "-m", "mypy"), "the types do not fit; the checker says where"),
    Step("contracts", (str(_BIN / "lint-imports"), "--no-logo"), "an import points up the house; see ARCHITECTURE.md"),
)
_TESTS: Final = "see the first failure above; `.venv/bin/pytest --lf -x` runs only what failed"
_PYTEST: Final = (_PYTHON, "-m", "pytest", "-q", "--no-header")

GATES: Final[dict[str, tuple[Step, ...]]] = {
    "check": (
        *_LINT,
        Step("defence rows", (_PYTHON, "-m", "tools.defences", "--list"), "a row of tests/defences/ does not fit"),
        Step("fast tests", (*_PYTEST, "-m", "not slow"), _TESTS, streams=True),
    ),
    "test": (
        *_LINT,
        Step("tests", (*_PYTEST, "--durations=5", "--durations-min=3"), _TESTS, streams=True),
        Step(
            "defences",
            (_PYTHON, "-m", "tools.defences", "--tested"),
            "a defence was taken out and its test stayed green: the test does not test it",
            streams=True,
        ),
    ),
}


def _run(step: Step) -> tuple[int, str]:
    environment = {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    pipe = None if step.streams else subprocess.PIPE
    done = subprocess.run(
        step.command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, (done.stdout or "").strip()


def main(gate: str) -> int:
    """Run a gate; 0 when every step passed. Later steps run all the same: one round shows everything that is wrong."""
    failed: list[Step] = []
    begun = time.monotonic()
    for step in GATES[gate]:
        if step.streams:
            print(f"▸ {step.name}", flush=True)
        started = time.monotonic()
        status, output = _run(step)
        took = f"{time.monotonic() - started:.1f} s"
        if status == 0:
            print(f"✓ {step.name}  {took}", flush=True)
            continue
        failed.append(step)
        print(f"✗ {step.name}  {took}: {step.cure}", flush=True)
        if output:
            print(output, flush=True)
    total = f"{time.monotonic() - begun:.0f} s"
    if failed:
        print(f"make {gate} failed after {total}: {', '.join(step.name for step in failed)}")
        return 1
    print(f"make {gate} passed in {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
