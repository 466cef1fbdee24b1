"""What the commands about webhooks read: secrets, headers and a body, from files, byte for byte.

A header file holds `Name: value` lines, as `curl -v` or a proxy's log shows them; a request line before them is passed
over. A line that begins with white space continues the one before it, and stays visible as such: a folded header is
what may have broken the signature. A secret file holds one secret a line and is never repeated in a message.
"""

import re
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path
from typing import Final

from doorward.cli.problems import UsageProblem
from doorward.methods.webhook.explain import SecretText
from doorward.wire.request import Header

__all__ = ["read_body", "read_headers", "read_one_secret", "read_received", "read_secrets"]

BODY_FILE_BYTES_MAX: Final = 67_108_864
"""How large a body on the command line may be."""
HEADER_FILE_BYTES_MAX: Final = 262_144
"""How large a file of headers may be."""
SECRET_FILE_BYTES_MAX: Final = 65_536
"""How large a file of secrets may be."""

_OPTION: Final = "--secret-file"
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADERS_END: Final = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE: Final = re.compile(rb"[A-Z]{1,16} \S+ HTTP/[0-9.]{1,4}")


def read_secrets(paths: Sequence[Path], *, in_use: bool = True) -> list[SecretText]:
    """The secrets of all files; each is called by its file's name, and its line where there are more.

    Raises:
        UsageProblem: a file that cannot be read, is not text, or is empty.
    """
    found: list[SecretText] = []
    for path in paths:
        try:
            text = _read(path, _OPTION, SECRET_FILE_BYTES_MAX).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageProblem(f"The secret file {path} is not text.") from None
        lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1)]
        lines = [(number, line) for number, line in lines if line.strip()]
        if not lines:
            raise UsageProblem(f"The secret file {path} holds no secret: write one a line.")
        name = str(path) if sum(other.name == path.name for other in paths) > 1 else path.name
        found += [
            SecretText(id=name if len(lines) == 1 else f"{name}:{number}", text=line, in_use=in_use)
            for number, line in lines
        ]
    return found


def read_one_secret(path: Path) -> str:
    """The one secret of a file, or of standard input for `-`; without the end of its line.

    Raises:
        UsageProblem: it cannot be read, is not text, or holds no secret or several.
    """
    if str(path) == "-":
        presented = getpass("") if sys.stdin.isatty() else sys.stdin.read(SECRET_FILE_BYTES_MAX + 1)
    else:
        try:
            presented = _read(path, _OPTION, SECRET_FILE_BYTES_MAX).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageProblem(f"The secret file {path} is not text.") from None
    lines = [line.rstrip("\r") for line in presented.split("\n") if line.strip()]
    if not lines:
        where = "Standard input" if str(path) == "-" else path
        raise UsageProblem(f"{where} holds no secret: give it alone on its line.")
    if len(lines) != 1:
        raise UsageProblem(f"{path} holds {len(lines)} secrets: give one, alone on its line.")
    return lines[0]


def read_headers(path: Path) -> list[Header]:
    """The headers of a file, names in lower case, values without the white space around them.

    Raises:
        UsageProblem: a line that is no header, by its number.
    """
    return _parse_headers(_read(path, "--headers", HEADER_FILE_BYTES_MAX), path)


def read_received(headers: Path | None, body: Path | None, request: Path | None) -> tuple[list[Header], bytes]:
    """What was received: the headers and the body of two files, or a whole HTTP/1.1 message in one.

    Raises:
        UsageProblem: neither or both were named, or a file is not understood.
    """
    if request is None:
        if headers is None or body is None:
            raise UsageProblem("Name what was received: --headers and --body, or --request with both in one file.")
        return read_headers(headers), read_body(body)
    if headers is not None or body is not None:
        raise UsageProblem("--request holds headers and body: leave --headers and --body out.")
    end = _HEADERS_END.search(message := _read(request, "--request", BODY_FILE_BYTES_MAX))
    if end is None or end.start() > HEADER_FILE_BYTES_MAX:
        raise UsageProblem(f"{request} is no HTTP message: write headers, an empty line, and the body as it came.")
    return _parse_headers(message[: end.start()], request), message[end.end() :]


def _parse_headers(content: bytes, path: Path) -> list[Header]:
    headers: list[Header] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        line = raw.removesuffix(b"\r")
        if not line.strip() or (not headers and _REQUEST_LINE.fullmatch(line)):
            continue
        if line[:1] in b" \t" and headers:
            name, value = headers[-1]
            headers[-1] = (name, value + b"\r\n" + line.rstrip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(name) is None:
            raise UsageProblem(f"Line {number} of {path} is no header: write `Name: value`, one a line.")
        headers.append((name.lower(), value.strip(b" \t")))
    return headers


def read_body(path: Path) -> bytes:
    """The body, byte for byte; `-` is standard input.

    Raises:
        UsageProblem: it cannot be read, or has more than 64 MiB.
    """
    if str(path) == "-":
        content = sys.stdin.buffer.read(BODY_FILE_BYTES_MAX + 1)
        if len(content) > BODY_FILE_BYTES_MAX:
            raise UsageProblem(f"The body is larger than {BODY_FILE_BYTES_MAX:,} bytes.")
        return content
    return _read(path, "--body", BODY_FILE_BYTES_MAX)


def _read(path: Path, option: str, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        if option == _OPTION and not isinstance(error, PermissionError | IsADirectoryError):
            # What names no file may be the secret itself.
            raise UsageProblem(
                f"There is no file of the name {_OPTION} says (it is not repeated). It wants the name of a file, "
                "or -. If the secret itself was given, the shell's history has it: make another."
            ) from None
        raise UsageProblem(f"The file {path} of {option} cannot be read: {error.strerror}.") from None
    if len(content) > bytes_max:
        raise UsageProblem(f"The file {path} of {option} is larger than {bytes_max:,} bytes.")
    return content
