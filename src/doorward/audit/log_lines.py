"""What a line of a verification log is: a record in JSON, its number, and the link that chains it.

Rules of this file:

* What is linked are the very bytes of `record` as they stand in the file; nothing is encoded again to verify.
* Lines are printable ASCII: whatever a client sent, `cat` and `grep` show it harmlessly.
* Every text is cut here, so a line has a limit whatever comes in.
"""

from collections.abc import Callable
from typing import Final, TypeAlias, final

import msgspec

from doorward.audit.chain import ChainKey, link_record
from doorward.audit.text import escape_json
from doorward.errors import Rejected

__all__ = [
    "LINE_BYTES_MAX",
    "ClosedRecord",
    "DroppedRecord",
    "LogLine",
    "LogRecord",
    "OpenedRecord",
    "PrunedRecord",
    "RotatedRecord",
    "SuppressedRecord",
    "Verification",
    "VerificationRecord",
    "encode_line",
    "encode_verification",
    "parse_line",
    "parse_record",
]

REQUEST_CHARACTERS_MAX: Final = 200
TEXT_CHARACTERS_MAX: Final = 128
LINE_BYTES_MAX: Final = 16_384
"""No line we write is longer: 7 texts of 128 and one of 200 characters, each at most 12 octets escaped."""

Verification: TypeAlias = tuple[int, str | None, str | None, str | None, str | None, str | None, str | None, str]
"""The arguments of `VerificationLog.record`, in order."""


@final
class VerificationRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="verification", omit_defaults=True):
    """One decision. `code` None means admitted."""

    at: int
    method: str | None = None
    credential_id: str | None = None
    app_id: str | None = None
    organization_id: str | None = None
    source: str | None = None
    code: str | None = None
    request: str = ""


@final
class OpenedRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="opened"):
    """The first line of every file: which log, which part of it, and where it goes on from."""

    at: int
    log: str
    part: int
    previous_link: str
    key_id: str


@final
class RotatedRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="rotated"):
    """The last line of a file that was full; the chain goes on in the part after it."""

    at: int
    next_part: int


@final
class ClosedRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="closed"):
    """The last line of a log whose process ended in order: nothing may follow, and nothing before it may be missing."""

    at: int


@final
class DroppedRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="dropped"):
    """So many verifications could not be kept: the disk refused for longer than the buffer reached."""

    at: int
    count: int


@final
class SuppressedRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="suppressed"):
    """So many refusals of unproven callers, by code, were not written one by one: there were too many at once."""

    at: int
    since: int
    """When the first of them was refused."""
    codes: dict[str, int]


@final
class PrunedRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="pruned"):
    """An old file, and with it all parts of its log before it, were removed to stay within the limit: not in secret."""

    at: int
    file: str


LogRecord: TypeAlias = (
    VerificationRecord | OpenedRecord | RotatedRecord | ClosedRecord | DroppedRecord | SuppressedRecord | PrunedRecord
)


@final
class LogLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as it stands in the file; nothing about it is proven."""

    sequence: int
    link: str
    record: msgspec.Raw


_ENCODE: Final[Callable[[LogRecord], bytes]] = msgspec.json.Encoder().encode
_LINE: Final = msgspec.json.Decoder(LogLine)
_RECORD: Final[msgspec.json.Decoder[LogRecord]] = msgspec.json.Decoder(LogRecord)


def encode_verification(verification: Verification) -> bytes:
    """The record of one decision, every text cut to its limit."""
    at, method, credential_id, app_id, organization_id, source, code, request = verification
    record = VerificationRecord(
        at,
        method,
        credential_id,
        app_id and app_id[:TEXT_CHARACTERS_MAX],
        organization_id and organization_id[:TEXT_CHARACTERS_MAX],
        source and source[:TEXT_CHARACTERS_MAX],
        code,
        request[:REQUEST_CHARACTERS_MAX],
    )
    try:
        return escape_json(_ENCODE(record))
    except UnicodeEncodeError:
        return escape_json(_ENCODE(_without_surrogates(record)))


def encode_line(key: ChainKey, previous_link: bytes, sequence: int, record: LogRecord | bytes) -> tuple[bytes, bytes]:
    """The line, with its end, and its link. `record` may be encoded already."""
    encoded = record if isinstance(record, bytes) else escape_json(_ENCODE(record))
    link = link_record(key, previous_link, sequence, encoded)
    return b'{"sequence":%d,"link":"%b","record":%b}\n' % (sequence, link.hex().encode(), encoded), link


def parse_line(presented_line: bytes) -> LogLine:
    """Read a line, without its end.

    Raises:
        Rejected: `input_invalid`, for anything `encode_line` cannot have written.
    """
    try:
        line = _LINE.decode(presented_line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("input_invalid", "a line that is no record") from error
    try:
        # One spelling only: a byte that can be changed unseen is one too many.
        spelled = bytes.fromhex(line.link).hex()
    except ValueError as error:
        raise Rejected("input_invalid", "a link that is no hex") from error
    if spelled != line.link or len(spelled) != 64 or not 0 < line.sequence < 2**63:
        raise Rejected("input_invalid", "a line with an impossible link or number")
    return line


def parse_record(presented_record: bytes) -> LogRecord:
    """Read the record of a line.

    Raises:
        Rejected: `input_invalid`.
    """
    try:
        return _RECORD.decode(presented_record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("input_invalid", "a record of no known kind") from error


def _without_surrogates(record: VerificationRecord) -> VerificationRecord:
    # Text decoded with `surrogateescape` cannot be written as UTF-8; it must cost a record neither way.
    texts = {
        name: value.encode("utf-8", "backslashreplace").decode()
        for name, value in msgspec.structs.asdict(record).items()
        if isinstance(value, str)
    }
    return msgspec.structs.replace(record, **texts)
