"""What the server writes about itself: one JSON object a line, on standard error.

No secret gets in (invariant 2): a request is its method and its path, without query and headers, and everything that
looks like one of our credentials is blotted out wherever it stands, because callers put keys into paths and exception
texts quote what they choked on. JSON escapes control characters, so no line can be forged.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

from doorward.wire.credential import CREDENTIAL_PATTERN, TOKEN_PATTERN

__all__ = ["blot_out_credentials", "configure_logs", "cut_path"]

PATH_CHARACTERS_MAX: Final = 200
_CREDENTIAL: Final = re.compile(f"{CREDENTIAL_PATTERN}|{TOKEN_PATTERN}", re.ASCII)
_EventDict = MutableMapping[str, Any]  # Any: structlog's own type for what a line holds


def blot_out_credentials(text: str) -> str:
    """`text` with every look-alike of our credentials replaced; the checksum is not asked: a typing error leaks too."""
    return _CREDENTIAL.sub("<credential>", text)


def cut_path(presented_path: str) -> str:
    """A path as it may be logged: at most 200 characters, without credentials."""
    return blot_out_credentials(presented_path)[:PATH_CHARACTERS_MAX]


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Send this process's logs, ours and uvicorn's, to `stream` (standard error) as JSON lines."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _blot_out,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _blot_out(_logger: object, _method: str, line: _EventDict) -> _EventDict:
    return {key: blot_out_credentials(value) if isinstance(value, str) else value for key, value in line.items()}
