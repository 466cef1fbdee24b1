"""What every test stands on: sockets reach this machine only, tools and vectors are found or said to be missing.

Fixtures shared by several rooms live in `tests/fixtures_<what>.py`; each of those files is loaded as a plugin.
"""

from pathlib import Path

_HERE = Path(__file__).parent

pytest_plugins = [
    "tests.frame.loopback",
    "tests.frame.secrets",
    "tests.frame.slow",
    "tests.frame.tools",
    "tests.frame.vectors",
    *(f"tests.{path.stem}" for path in sorted(_HERE.glob("fixtures_*.py"))),
]
