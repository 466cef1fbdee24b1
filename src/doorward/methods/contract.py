"""What a method promises the pipeline.

Three outcomes, never a bool: *not presented* is None from `extract`; *proven* is a `Verified`, built only by the
method's `verify.py`; everything else raises `Rejected`. The shared phases (single, budget, cache, revoked, bound,
limits, authorize, body, claim, record, settle) belong to the pipeline, so a method cannot forget one.

A body is part of a proof in one of two ways. Where only the whole body shows who sent it, the method reads it
(`ReadsBody`) and strangers make us hold it, so it is small. Where the headers show it alone and hold the body's digest,
`verify` answers a check (`ChecksBody`), and the pipeline passes the body through it when all else is decided.
"""

from typing import Final, Protocol, TypeVar, runtime_checkable

import msgspec

from doorward.methods.claims import Claim
from doorward.methods.plane import Plane
from doorward.values import CredentialId, MethodName, Principal, RateLimit, RestsOn, Since
from doorward.wire.request import Header, RequestView

__all__ = [
    "BODY_ARRIVES_IN_S",
    "BODY_BYTES_PER_S_MIN",
    "OCTETS_KEPT_MAX",
    "BodyCheck",
    "ChecksBody",
    "Method",
    "OpenApiScheme",
    "Presented",
    "ReadsBody",
    "Resource",
    "SelfContained",
    "Verified",
    "arrival_s_max",
]


BODY_ARRIVES_IN_S: Final = 30.0
"""How long a body that is part of a proof may take to arrive: whoever sends slowly holds what others could use."""
BODY_BYTES_PER_S_MIN: Final = 65_536
"""How fast a body of a proven sender must arrive on average: it may take so much longer for every byte of it."""


def arrival_s_max(body_bytes: int) -> float:
    """How long a body of a proven sender may take of which so many bytes have come.

    What was proven of the headers is as old as that when the body is.
    """
    return BODY_ARRIVES_IN_S + body_bytes / BODY_BYTES_PER_S_MIN


OCTETS_KEPT_MAX: Final = 33_554_432
"""How long all credentials may be together of which one method keeps what they prove (32 MiB): a token of another
issuer takes up to fifteen times its own length once its claims are apart."""


class Presented(msgspec.Struct, frozen=True):
    """A credential as it came, of the right shape and nothing more. Its `repr` never shows the secret."""

    lookup_id: CredentialId
    """Public id under which the record is found: unverified, but of bounded length and alphabet."""

    @property
    def octets(self) -> int:
        """How long it is, where what is kept of it grows with it; 0 where the record comes from a store."""
        return 0

    def is_bearer(self, presented_value: bytes) -> bool:  # noqa: ARG002  # for methods carried so to override
        """Whether an `Authorization` value is `Bearer` with this very credential, whole. No is always safe."""
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lookup_id={self.lookup_id!r}, <unverified>)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("lookup_id", self.lookup_id)]


class BodyCheck(Protocol):
    """What the body of one request must still show. A mismatch is the peer's, whose headers are proven by then."""

    def update(self, presented_chunk: bytes) -> None:
        """The next piece, of any size, none twice.

        Raises:
            Rejected: it cannot be the body any more.
        """
        ...

    def verify_end(self) -> None:
        """All pieces have come: it is the one.

        Raises:
            Rejected: it is another one.
        """
        ...


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a method has proven, and what the pipeline needs to go on."""

    principal: Principal
    handles: tuple[RestsOn, ...]
    """Everything this proof rests on, asked of the revocation view on every use."""
    since: Since | None = None
    """When it was issued, for credentials that carry their own proof; None for what was read from the store, where an
    epoch makes the record be loaded again instead (the store knows what it voids)."""
    rate: RateLimit | None = None
    answer_headers: tuple[Header, ...] = ()
    """Headers every answer to this credential carries, refusals included (`Deprecation`)."""
    claim: Claim | None = None
    """What this request uses up; claimed when every other question has been answered."""
    body_check: BodyCheck | None = None
    """What the body must show before the handler runs; None: whatever body comes is no part of the proof."""


class OpenApiScheme(msgspec.Struct, frozen=True):
    """How a method appears under `components.securitySchemes`."""

    name: str
    scheme: dict[str, str]


PresentedT = TypeVar("PresentedT", bound=Presented)
TakenT_contra = TypeVar("TakenT_contra", bound=Presented, contravariant=True)
RecordT = TypeVar("RecordT")


class Method(Protocol[PresentedT, RecordT]):
    """A way to prove who you are. Instances are immutable and shared by all requests."""

    @property
    def name(self) -> MethodName:
        """The folder's name."""
        ...

    @property
    def plane(self) -> Plane | None:
        """What this method's store shares; None for a method without one."""
        ...

    @property
    def bearer_carried(self) -> bool:
        """Whether the credential may arrive as `Authorization: Bearer`."""
        ...

    @property
    def counts_use(self) -> bool:
        """Whether use is counted per credential. Never for tokens: no table grows with their number (invariant 6)."""
        ...

    def extract(self, request: RequestView) -> PresentedT | None:
        """The credential, or None when none of this kind was presented.

        Raises:
            Rejected: it is of this kind and malformed, or presented twice.
        """
        ...

    async def load(self, presented: PresentedT) -> RecordT | None:
        """The record by its public id; called only when the cache has none. May be None without asking the store
        when the presented text cannot be genuine (a checksum that does not fit).

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...

    def verify(self, presented: PresentedT, record: RecordT | None, request: RequestView, now: int) -> Verified:
        """Prove it. Pure: no I/O, no clock. `record` None does the same work as a mismatch and raises.

        Raises:
            Rejected: with `answer_headers` when the secret was proven.
        """
        ...

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:
        """`WWW-Authenticate` challenges for this method, without error parameters.

        Args:
            request: what is to be answered. A credential that must not travel the way it came is not asked for; None
                (nothing is known of the way) asks for no such credential either.
        """
        ...

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """Security schemes, alternatives of each other."""
        ...


@runtime_checkable
class ReadsBody(Protocol):
    """What a method has besides, when the body is part of its proof: `verify` finds it in `request.body`.

    Its lookup ids are the door's own and few, never chosen by who presents something: a source that has used up its
    failures is read on within limits, and its record looked up.
    """

    @property
    def body_bytes_max(self) -> int:
        """How large the body may be; it is held in memory until the request ends."""
        ...


@runtime_checkable
class ChecksBody(Protocol):
    """What a method has besides, when `verify` answers a `body_check`. Its requests are proven once each: what they
    rest on may be warm, but there is no short way for them.
    """

    @property
    def checked_body_bytes_max(self) -> int:
        """How large the body may be; beyond a piece in memory it is kept on disk until the request ends."""
        ...


class Resource(Protocol):
    """Something a method stands on beside its plane (an issuer's keys): started and closed with the app."""

    async def start(self) -> None:
        """Be ready, in the loop that serves. Idempotent.

        Raises:
            Unavailable: it cannot be reached.
        """
        ...

    async def aclose(self) -> None:
        """Stop what runs in the background. Idempotent."""
        ...


@runtime_checkable
class SelfContained(Protocol[TakenT_contra]):
    """What a method has besides, when its credentials carry their own proof and no store has a record of them."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What has to be started and closed with the app."""
        ...

    @property
    def records_max(self) -> int:
        """How many proven credentials are worth keeping: they are larger than records, and anybody's number."""
        ...

    @property
    def confirms(self) -> bool:
        """Whether `confirm` may be asked."""
        ...

    async def confirm(self, presented: TakenT_contra) -> bool:
        """Whether a credential that was proven is still good, by its issuer's own word: asked when the view is stale.

        Raises:
            Unavailable: the issuer cannot be asked.
        """
        ...
