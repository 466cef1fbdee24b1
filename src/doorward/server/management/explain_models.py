"""What the management API takes and gives when a signature is to be explained. See `models.py`."""

from typing import Annotated, Final, Literal, final

from pydantic import Field

from doorward.methods.webhook.config import TOLERANCE_S, TOLERANCE_S_MAX
from doorward.server.management.shapes import Incoming, Moment, Outgoing

__all__ = [
    "DeliveryReceived",
    "ExplanationView",
    "FieldReceived",
    "FindingView",
    "LineView",
    "RequestReceived",
]

EXPLAINED_HEADERS_MAX: Final = 200
"""How many header lines are taken."""
EXPLAINED_HEADER_CHARACTERS_MAX: Final = 8_192
"""How long the value of one may be."""
EXPLAINED_URL_CHARACTERS_MAX: Final = 4_096
"""How long the URL may be."""
EXPLAINED_BODY_BYTES_MAX: Final = 102_400
"""How large the body may be: what is searched in two seconds."""
EXPLAIN_REQUEST_BYTES_MAX: Final = 262_144
"""How large a request for an explanation may be, headers and body together, whatever `body_bytes_max` says."""

_BODY_CHARACTERS_MAX: Final = (EXPLAINED_BODY_BYTES_MAX + 2) // 3 * 4
_Body = Annotated[str, Field(max_length=_BODY_CHARACTERS_MAX, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


@final
class FieldReceived(Incoming):
    """One header line as it arrived. Octets beyond ASCII are written as the characters of ISO 8859-1."""

    name: Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$")]
    value: Annotated[str, Field(max_length=EXPLAINED_HEADER_CHARACTERS_MAX, pattern=r"^[\t\r\n\x20-\x7e\x80-\xff]*$")]


_Headers = Annotated[list[FieldReceived], Field(max_length=EXPLAINED_HEADERS_MAX)]


@final
class DeliveryReceived(Incoming):
    """A webhook as it arrived.

    `url` is the one the sender calls, for a scheme that signs it; `signature_header` the header of the scheme `plain`,
    X-Signature unless said; `received_at` epoch seconds, now unless said; `tolerance_s` as the door has it.
    """

    headers: _Headers
    body_base64: _Body = ""
    url: Annotated[str, Field(min_length=1, max_length=EXPLAINED_URL_CHARACTERS_MAX)] | None = None
    signature_header: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")] | None = None
    received_at: Moment | None = None
    tolerance_s: Annotated[int, Field(ge=1, le=TOLERANCE_S_MAX)] = TOLERANCE_S


@final
class RequestReceived(Incoming):
    """A signed request as it arrived, its `Host` among the headers. `target` is what the request line says."""

    method: Annotated[str, Field(pattern=r"^[A-Z]{1,16}$")]
    target: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,4096}$")]
    scheme: Literal["https", "http"] = "https"
    headers: _Headers
    body_base64: _Body = ""
    received_at: Moment | None = None


@final
class FindingView(Outgoing):
    """One answer: a sentence, what to change, and the names of the changes for programs.

    `proven`: a signature that came, made with `made_with` (a secret of `sender`), fits so; otherwise it is what the
    headers show.
    """

    says: str
    cures: list[str]
    changes: list[str]
    proven: bool
    made_with: str | None
    sender: str | None


@final
class LineView(Outgoing):
    """One line of the signature base of RFC 9421: as received, and as it was signed where that is known."""

    component: str
    received: str | None
    signed: str | None


@final
class ExplanationView(Outgoing):
    """Why it is refused, the best answer first. `code` is the refusal's; `findings` is empty when none of the known
    changes makes a signature fit; `complete` says whether the search came to its end before its limit.
    """

    accepted: bool
    code: str | None
    says: str
    findings: list[FindingView]
    base: list[LineView]
    tried: int
    complete: bool
