"""The way in and the ways out: every end of a command is an exit code and at most one line.

| code | meaning |
|---|---|
| 0 | done |
| 1 | refused, or a check that failed |
| 2 | the command line was not understood |
| 3 | misconfigured: nothing was started or changed |
| 4 | the store cannot be reached; try again |
| 70 | a bug of ours (`sysexits.h`: EX_SOFTWARE) |
| 130, 141, 143 | ended by Ctrl-C, by a closed pipe, by SIGTERM |
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

import typer

from doorward.cli.next_steps import find_next_step, without_arguments
from doorward.cli.problems import Failed, UsageProblem
from doorward.cli.root import build_root
from doorward.cli.text import printable, without_secrets
from doorward.errors import Misconfigured, Rejected, Unavailable

__all__ = ["main", "run"]

_REFUSED: Final = 1
_USAGE: Final = 2
_MISCONFIGURED: Final = 3
_UNAVAILABLE: Final = 4
_BUG: Final = 70
_INTERRUPTED: Final = 130
_PIPE_CLOSED: Final = 141
_BUG_TEXT: Final = (
    "This is a bug of Doorward: {}. Run the command again with --debug and report what it prints "
    "(look through it first for names you would not publish)."
)
_STANDARD_INPUT: Final = "A token comes on standard input, never on the command line."
_BY_FILE: Final = "A secret comes from a file or standard input: --secret-file."
_WANT_SECRETS: Final = {
    "doorward inspect": "A credential comes on standard input, never on the command line.",
    "doorward tokens inspect": _STANDARD_INPUT,
    "doorward tokens verify": _STANDARD_INPUT,
    "doorward webhooks explain": _BY_FILE,
    "doorward webhooks secrets add": _BY_FILE,
    "doorward webhooks secrets rotate": _BY_FILE,
    "doorward webhooks sign": _BY_FILE,
    "doorward webhooks verify": _BY_FILE,
}
_INSTEAD_OF_AN_ARGUMENT: Final = {
    **_WANT_SECRETS,
    "doorward revoke": "Say what it is the name of: --subject, --client, --session, --token or another.",
}


def main() -> None:
    """The command `doorward`."""
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        # Before anything is made: a secret that is shown once must not be shown to nobody.
        sys.exit(_tell(Failed("Standard output is closed, so nothing could be shown."), debug=False))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code. Never raises, never shows a traceback without `--debug`."""
    debug = "--debug" in arguments or bool(os.environ.get("DOORWARD_DEBUG"))
    try:
        code = build_root().main(list(arguments), prog_name="doorward", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as end:
        # Rich and Typer turn a closed pipe into this themselves.
        return _PIPE_CLOSED if isinstance(end.__context__, BrokenPipeError) else _code_of(end)
    except Exception as error:  # noqa: BLE001  # the last line of defence: a person gets a sentence, not a traceback
        _drop_what_cannot_be_written()
        return _tell(error, debug=debug)
    return code if isinstance(code, int) else 0


def _tell(error: Exception, *, debug: bool) -> int:
    code, text = _explain(error)
    if debug:
        sys.stderr.write(without_secrets("".join(traceback.format_exception(error))))
    line = " ".join(printable(without_secrets(text)).split())
    try:
        sys.stderr.write(f"doorward: {line}\n")
    except OSError:
        return _PIPE_CLOSED
    return code


def _explain(error: Exception) -> tuple[int, str]:
    match error:
        case Rejected() | Unavailable():
            return _REFUSED if isinstance(error, Rejected) else _UNAVAILABLE, _refusal_text(error)
        case Failed() | UsageProblem():
            return _REFUSED if isinstance(error, Failed) else _USAGE, str(error)
        case typer.TyperException():
            return error.exit_code, _usage_text(error)
        case Misconfigured():
            return _MISCONFIGURED, str(error)
        case OSError():
            return _REFUSED, _system_text(error)
        case _:
            return _BUG, _BUG_TEXT.format(type(error).__name__)


def _refusal_text(error: Rejected | Unavailable) -> str:
    detail = f" {error.detail[:1].upper()}{error.detail[1:]}." if error.detail else ""
    step = find_next_step(error.detail)
    return f"{error.refusal.text}{detail}{'' if step is None else f' {step}'} ({error.code})"


def _system_text(error: OSError) -> str:
    where = f": {error.filename}" if isinstance(error.filename, str) else ""
    return (
        f"The operating system says: {error.strerror or type(error).__name__}{where}. "
        "A credential that was being made and was not shown is to be revoked: look through `doorward keys list`."
    )


def _usage_text(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "doorward"
    message = error.format_message().partition(", unable to parse")[0]
    message = without_arguments(message, takes_secrets=path in _WANT_SECRETS)
    if not message:  # no command was given: the help has been shown
        return f"Say what to do: `{path} --help` lists the commands."
    sentence = message if message[-1:] == "?" else message.rstrip(".") + "."
    return " ".join(filter(None, (sentence, _say_more(error, path), f"See `{path} --help`.")))


def _say_more(error: typer.TyperException, path: str) -> str:
    """All that is missing at once, and where what was given belongs."""
    if error.format_message().startswith("Got unexpected extra argument"):
        return _INSTEAD_OF_AN_ARGUMENT.get(path, "")
    command = getattr(getattr(error, "ctx", None), "command", None)
    # The class is private to Typer.
    if command is None or type(error).__name__ != "MissingParameter":
        return ""
    needed = [option.opts[0] for option in command.params if option.required and option.opts[0].startswith("--")]
    return f"It needs {', '.join(needed)}." if len(needed) > 1 else ""


def _code_of(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else _REFUSED


def _drop_what_cannot_be_written() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _silence_stdout()


def _silence_stdout() -> None:
    # The interpreter flushes stdout once more while it ends, and would complain about the closed pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
