"""Basic as the pipeline sees it: the pieces of this folder behind the one contract of all methods."""

from typing import Final, Protocol, final

from doorward.errors import Rejected
from doorward.methods.basic.config import DEPRECATED_AT, BasicConfig
from doorward.methods.basic.port import PasswordPort
from doorward.methods.basic.verify import METHOD, LoadedPassword, verify_password
from doorward.methods.basic.wire import NO_ID, PresentedPassword, extract_basic, may_travel
from doorward.methods.contract import OpenApiScheme, Verified
from doorward.methods.plane import Plane, plane_of
from doorward.wire.challenge import build_challenge
from doorward.wire.credential import has_valid_checksum
from doorward.wire.deprecation import deprecation_headers
from doorward.wire.request import Header, RequestView

__all__ = ["Basic", "PasswordSource"]

_CHALLENGES: Final = (build_challenge("Basic", realm="doorward", charset="UTF-8"),)


class PasswordSource(Protocol):
    """What is needed of a store to verify app passwords."""

    @property
    def passwords(self) -> PasswordPort:
        """Finds app passwords. Read when first used: a store may open in the serving loop only."""
        ...

    @property
    def plane(self) -> Plane:
        """What the methods of the store share."""
        ...


@final
class Basic:
    """Admits app passwords over TLS, and tells every caller that Basic is going away.

    Args:
        store: from `open_store`.
        prefix: what app passwords of this deployment start with.
        sunset: epoch second at which Basic stops here, when that is decided.
        migration_link: where moving on is described: an http(s) URL or an absolute path.
        danger_plain_http_on_loopback: take passwords over plain HTTP from this machine itself. Development only.

    Raises:
        Misconfigured: a prefix, sunset or link that cannot be.
    """

    __slots__ = ("_answer_headers", "_store", "bearer_carried", "config", "counts_use", "name", "plane")

    def __init__(
        self,
        store: PasswordSource,
        *,
        prefix: str = "dw",
        sunset: int | None = None,
        migration_link: str | None = None,
        danger_plain_http_on_loopback: bool = False,
    ) -> None:
        self.config: Final = BasicConfig(
            prefix=prefix,
            sunset=sunset,
            migration_link=migration_link,
            danger_plain_http_on_loopback=danger_plain_http_on_loopback,
        )
        self._answer_headers: Final[tuple[Header, ...]] = deprecation_headers(
            deprecated_at=DEPRECATED_AT, sunset=sunset, link=migration_link
        )
        self.name: Final = METHOD
        self.plane: Final[Plane | None] = plane_of(store)
        self.bearer_carried: Final = False
        self.counts_use: Final = True
        self._store: Final = store

    def __repr__(self) -> str:
        return f"Basic(prefix={self.config.prefix!r})"

    def extract(self, request: RequestView) -> PresentedPassword | None:
        """See `wire.extract_basic`; refusals carry the deprecation headers too."""
        try:
            return extract_basic(
                request,
                prefix=self.config.prefix,
                danger_plain_http_on_loopback=self.config.danger_plain_http_on_loopback,
            )
        except Rejected as error:
            # Of a repeated header nobody can say whether it was a Basic one.
            raise error if error.code == "header_repeated" else self._deprecated(error) from None

    async def load(self, presented: PresentedPassword) -> LoadedPassword | None:
        """The stored password; None without a read when the text has not our form or its checksum does not fit."""
        if presented.lookup_id == NO_ID or not has_valid_checksum(presented.secret.decode()):
            return None
        record = await self._store.passwords.find_password(presented.lookup_id)
        return None if record is None else LoadedPassword(record, self._answer_headers)

    def verify(
        self,
        presented: PresentedPassword,
        record: LoadedPassword | None,
        request: RequestView,  # noqa: ARG002  # the contract's; Basic proves nothing by the request itself
        now: int,
    ) -> Verified:
        """See `verify.verify_password`; refusals carry the deprecation headers too."""
        try:
            return verify_password(presented, record, now=now)
        except Rejected as error:
            raise self._deprecated(error) from None

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:
        """`Basic`, with the one charset RFC 7617 section 2.1 knows; over plain HTTP only where it is taken."""
        danger = self.config.danger_plain_http_on_loopback
        # A browser answers this challenge by asking for the password and sending it, in the clear (RFC 7617 section 4).
        if request is None or not may_travel(request, danger_plain_http_on_loopback=danger):
            return ()
        return _CHALLENGES

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """HTTP Basic."""
        return (OpenApiScheme("basic", {"type": "http", "scheme": "basic"}),)

    def _deprecated(self, error: Rejected) -> Rejected:
        return Rejected(error.code, error.detail, answer_headers=self._answer_headers)
