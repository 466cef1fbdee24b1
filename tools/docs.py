"""Writes the generated pages of `docs/`: `python -m tools.docs`. A test fails while they are not current."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tools.docs_cli import cli_page

from doorward.errors import REFUSALS
from doorward.wire.render import STATUS_OF

__all__ = ["generated_pages"]

ROOT: Final = Path(__file__).resolve().parent.parent
_NOTE: Final = "<!-- Written by `make docs`. Change the source, not this page. -->\n\n"


class _Limit(NamedTuple):
    name: str
    value: str
    meaning: str


def _refusals() -> Iterator[str]:
    yield "# Refusals\n\n"
    yield _NOTE
    yield (
        "Every refusal has a code. The *inner code* is what logs, audit and metrics see; the *public code* is what the "
        "caller sees, as `code` of an RFC 9457 problem body whose `type` is `urn:doorward:refusal:<public code>`. "
        "Several inner codes share one public code where telling them apart would tell a stranger which ids exist.\n\n"
        "The codes are rows of `src/doorward/errors.py`; the statuses are in `src/doorward/wire/render.py` and nowhere "
        "else.\n\n| inner code | status | public code | what the caller reads |\n|---|---|---|---|\n"
    )
    for code, refusal in REFUSALS.items():
        yield f"| `{code}` | {STATUS_OF[code]} | `{refusal.public_code}` | {refusal.text} |\n"


def _docstring_after(body: list[ast.stmt], index: int) -> str:
    """The string that follows an assignment, as one line; empty when there is none."""
    following = body[index + 1] if index + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return " ".join(str(following.value.value).split())
    return ""


def _number(node: ast.expr) -> str:
    """A number with thousands marked, products worked out; anything else as written."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _number(node.left).replace(",", ""), _number(node.right).replace(",", "")
        if left.isdecimal() and right.isdecimal():
            return f"{int(left) * int(right):,}"
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return f"{node.value:,}"
    return ast.unparse(node)


def _default(node: ast.expr | None) -> str:
    """What a field or argument is set to; for `Field(default=…, ge=…, le=…)` with its bounds."""
    if node is None:
        return "given by the caller"
    if not isinstance(node, ast.Call):
        return _number(node)
    given = {keyword.arg: _number(keyword.value) for keyword in node.keywords}
    bounds = f" ({given['ge']} to {given['le']})" if {"ge", "le"} <= given.keys() else ""
    return given.get("default", ast.unparse(node)) + bounds


def _assigned(body: list[ast.stmt], owner: str) -> Iterator[_Limit]:
    for index, node in enumerate(body):
        if isinstance(node, ast.ClassDef):
            yield from _assigned(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _arguments(node, owner)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            if name.lower().endswith("_max") and not name.startswith("_"):
                yield _Limit(owner + name, _default(node.value), _docstring_after(body, index))


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef, owner: str) -> Iterator[_Limit]:
    """Limits a public callable takes, where they have a default; one that has none is set by another row."""
    called = owner.rstrip(".") if function.name == "__init__" else f"{owner}{function.name}"
    if called.rpartition(".")[2].startswith("_"):
        return
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.arg.endswith("_max") and default is not None:
            yield _Limit(f"{called}({argument.arg}=)", _default(default), "")


def _limits() -> Iterator[str]:
    yield "# Limits\n\n"
    yield _NOTE
    yield "Everything with a size has a limit, stated where it is configured. Units come last in the name.\n"
    source = ROOT / "src" / "doorward"
    for path in sorted(source.rglob("*.py")):
        limits = list(_assigned(ast.parse(path.read_text()).body, ""))
        if not limits:
            continue
        yield f"\n## `{path.relative_to(source).as_posix()}`\n\n| limit | value | what it bounds |\n|---|---|---|\n"
        for limit in limits:
            meaning = limit.meaning.replace("|", "\\|")
            yield f"| `{limit.name}` | {limit.value} | {meaning} |\n"


def _first_sentence(path: Path) -> str:
    text = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _code_map() -> Iterator[str]:
    yield "# Code map\n\n"
    yield _NOTE
    yield "Every file, with what it says of itself. The rooms in order: [ARCHITECTURE.md](../ARCHITECTURE.md).\n"
    source = ROOT / "src" / "doorward"
    room = None
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source)
        if name.name == "__init__.py" and len(name.parts) > 1 and not _first_sentence(path):
            continue
        if (here := name.parts[0] if len(name.parts) > 1 else "") != room:
            room = here
            yield f"\n## `{room or 'doorward'}/`\n\n| file | |\n|---|---|\n"
        yield f"| `{name.as_posix()}` | {_first_sentence(path)} |\n"


def _plain(node: ast.expr | None) -> str:
    """A default as the operator writes it, not as Python does; empty for numbers, which come with their bounds."""
    if isinstance(node, ast.Attribute):
        return f"`{node.attr.lower()}`"
    if isinstance(node, ast.Call):
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        node = given.get("default") or next(iter(node.args), None)
    value = ast.literal_eval(node) if isinstance(node, ast.Constant | ast.Tuple) else 0
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{value}`".lower()
    return f"`{value}`" if isinstance(value, str) else ""


def _settings() -> Iterator[str]:
    yield "# Settings\n\n"
    yield _NOTE
    yield (
        "One TOML file (`doorward.toml` of the working directory, or `--config`), `DOORWARD_…` over it (in capitals), "
        "the command line over both. A name nobody knows stops the start. Lists are arrays in TOML, and text with "
        "commas in the environment. How they belong together: [serve](serve.md).\n\n"
        "| setting | default | what it is |\n|---|---|---|\n"
    )
    module = ast.parse((ROOT / "src/doorward/app/settings.py").read_text())
    (settings,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    for index, node in enumerate(settings.body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            meaning = _docstring_after(settings.body, index).replace("|", "\\|")
            default = _plain(node.value) or _default(node.value)
            if node.target.id.endswith("_port"):
                default = default.replace(",", "")
            yield f"| `{node.target.id}` | {default} | {meaning} |\n"


def generated_pages() -> dict[str, str]:
    """Every generated page: its path from the root, and what it must hold."""
    pages = {
        "refusals": _refusals(),
        "limits": _limits(),
        "code-map": _code_map(),
        "settings": _settings(),
        "cli": cli_page(_NOTE),
    }
    return {f"docs/{name}.md": "".join(parts) for name, parts in pages.items()}


if __name__ == "__main__":
    for name, text in generated_pages().items():
        (ROOT / name).write_text(text)
        print(f"▸ {name}")
