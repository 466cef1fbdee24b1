"""The documents are run: every `python` block, and every `console` block.

Each document runs top to bottom in one namespace and one empty working directory. A `console` block holds lines of
`$ doorward …`, which must exit 0, each followed by what it prints; a line of `…` stands for any lines, `…` within a
line for any text. What must not be run is a `sh` block. A block in a comment
(`<!-- invisible-code-block: python … -->`) is run and not shown.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_DOORWARD: Final = (sys.executable, "-c", "import sys; from doorward.cli import main; sys.exit(main())")
_PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _as_pattern(expected: str) -> str:
    lines = [".*?" if line.strip() == "…" else re.escape(line).replace("…", ".*?") for line in expected.splitlines()]
    return r"\s*" + r"\n".join(lines) + r"\s*"


def _run_console(example: Example) -> None:
    for part in re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)[1:]:
        line, _, expected = part.partition("\n")
        command, *arguments = shlex.split(line)
        assert command == "doorward", f"a console block runs `doorward` only; use a sh block for: {line}"
        done = subprocess.run(
            [*_DOORWARD, *arguments], capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, f"$ {line}\n{printed}"
        if expected.strip():
            assert re.fullmatch(_as_pattern(expected.rstrip()), printed, re.DOTALL), f"$ {line}\n{printed}"


_SYBIL: Final = Sybil(parsers=[PythonCodeBlockParser(), CodeBlockParser("console", _run_console), SkipParser()])


@pytest.mark.slow
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_shows_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    for example in _SYBIL.parse(path):
        example.evaluate()


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    targets = _LINK.findall(_FENCE.sub("", path.read_text()))
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (path.parent / target).exists()] == []
