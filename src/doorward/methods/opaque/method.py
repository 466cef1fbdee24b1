"""Opaque tokens as the pipeline sees them: through the store, or by asking the issuer."""

from typing import Final, Protocol, final

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Misconfigured, Rejected
from doorward.methods.contract import OpenApiScheme, Resource, Verified
from doorward.methods.opaque.answer import INTROSPECTION
from doorward.methods.opaque.asked import AskedToken, verify_asked_token
from doorward.methods.opaque.config import INTROSPECTIONS_KEPT_MAX, LABEL, OpaqueConfig
from doorward.methods.opaque.introspection import Introspector
from doorward.methods.opaque.port import OpaquePort
from doorward.methods.opaque.verify import METHOD, LoadedToken, prove_opaque_token, verify_opaque_token
from doorward.methods.opaque.wire import AnyTokenReader, OpaqueReader, PresentedToken, TokenReader
from doorward.methods.plane import Plane, plane_of
from doorward.wire.challenge import build_challenge
from doorward.wire.credential import has_valid_checksum
from doorward.wire.request import RequestView

__all__ = ["IntrospectedTokens", "OpaqueProver", "OpaqueSource", "OpaqueTokens"]

_CHALLENGES: Final = (build_challenge("Bearer", realm="doorward"),)


class OpaqueSource(Protocol):
    """What is needed of a store to verify opaque tokens."""

    @property
    def issuer(self) -> str | None:
        """Whose tokens are taken: those of another issuer over the same database are not."""
        ...

    @property
    def opaque_tokens(self) -> OpaquePort:
        """Finds tokens. Read when first used: a store may open in the serving loop only."""
        ...

    @property
    def plane(self) -> Plane:
        """What the methods of the store share."""
        ...


async def _load(source: OpaqueSource, presented: PresentedToken) -> LoadedToken | None:
    """The stored token; None without a read when the checksum does not fit (public arithmetic, so no oracle).

    One of another issuer is as unknown as one nobody made: a database may be shared, by staging and production too.
    """
    if not has_valid_checksum(presented.secret.decode("ascii")):
        return None
    record = await source.opaque_tokens.find_opaque_token(presented.lookup_id)
    return None if record is None or record.issuer != source.issuer else LoadedToken(record)


@final
class OpaqueTokens:
    """Admits opaque tokens of a store, for one resource.

    Args:
        store: from `open_store`, with an issuer: tokens of another one over the same database are not taken.
        audiences: what this resource is called; a token must be for one of them.
        prefix: what secrets of this deployment start with.

    Raises:
        Misconfigured: no audience, a prefix that is not of the form, or a store that was told no issuer.
    """

    __slots__ = ("_audiences", "_reader", "_store", "bearer_carried", "config", "counts_use", "name", "plane")

    def __init__(self, store: OpaqueSource, *, audiences: tuple[str, ...], prefix: str = "dw") -> None:
        self.config: Final = OpaqueConfig(audiences=audiences, prefix=prefix)
        self.name: Final = METHOD
        self.plane: Final[Plane | None] = plane_of(store)
        if store.issuer is None:
            raise Misconfigured(
                "Opaque tokens are those of one issuer, and this store was not told its own.",
                cure='Say it: open_store(url, issuer="https://id.example"), or set DOORWARD_ISSUER.',
            )
        self.bearer_carried: Final = True
        # A row of use for each token would outnumber the tokens.
        self.counts_use: Final = False
        self._store: Final = store
        self._audiences: Final = frozenset(audiences)
        self._reader: Final = OpaqueReader(prefix)

    def __repr__(self) -> str:
        return f"OpaqueTokens(audiences={self.config.audiences!r}, prefix={self.config.prefix!r})"

    def extract(self, request: RequestView) -> PresentedToken | None:
        """See `wire.TokenReader.extract`."""
        return self._reader.extract(request)

    async def load(self, presented: PresentedToken) -> LoadedToken | None:
        """The stored token, if its checksum fits."""
        return await _load(self._store, presented)

    def verify(
        self,
        presented: PresentedToken,
        record: LoadedToken | None,
        request: RequestView,  # noqa: ARG002  # the contract's parameter
        now: int,
    ) -> Verified:
        """See `verify.verify_opaque_token`."""
        return verify_opaque_token(presented.secret, record, self._audiences, now)

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        """`Bearer`."""
        return _CHALLENGES

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """The bearer form."""
        form = f"{self.config.prefix}_{LABEL}_…"
        return (OpenApiScheme("opaque_bearer", {"type": "http", "scheme": "bearer", "bearerFormat": form}),)


@final
class IntrospectedTokens:
    """Admits tokens that their issuer, asked over HTTP, calls active; for services that have no store.

    Args:
        introspector: whom to ask, and for which resource.
        prefix: what tokens of that deployment of Doorward start with. None: the issuer is another kind of server, and
            every bearer value is one of its tokens but signed ones and other secrets of ours.
    """

    __slots__ = (
        "_introspector",
        "_reader",
        "bearer_carried",
        "confirms",
        "counts_use",
        "name",
        "plane",
        "record_age_s_max",
        "records_max",
        "resources",
    )

    def __init__(self, introspector: Introspector, *, prefix: str | None = "dw") -> None:
        self.name: Final = INTROSPECTION
        self.plane: Final[Plane | None] = None
        self.bearer_carried: Final = True
        self.counts_use: Final = False
        # The door keeps what was proven for as long as an answer is believed, and not a second longer.
        self.record_age_s_max: Final = introspector.answer_lifetime_s
        self.records_max: Final = INTROSPECTIONS_KEPT_MAX
        self.resources: Final[tuple[Resource, ...]] = (introspector,)
        # There is no view here that could be stale.
        self.confirms: Final = False
        self._introspector: Final = introspector
        self._reader: Final[TokenReader] = AnyTokenReader() if prefix is None else OpaqueReader(prefix)

    def __repr__(self) -> str:
        return f"IntrospectedTokens({self._introspector!r})"

    def extract(self, request: RequestView) -> PresentedToken | None:
        """See `wire.TokenReader.extract`."""
        return self._reader.extract(request)

    async def load(self, presented: PresentedToken) -> AskedToken | None:
        """What the issuer says.

        Raises:
            Unavailable: `introspection_unavailable`, `overloaded`.
        """
        secret = presented.secret
        if isinstance(self._reader, OpaqueReader) and not has_valid_checksum(secret.decode("ascii")):
            return None
        said = await self._introspector.ask_now(secret)
        return None if said is None else AskedToken(sha256_digest(secret), said)

    def verify(
        self,
        presented: PresentedToken,
        record: AskedToken | None,
        request: RequestView,  # noqa: ARG002  # the contract's parameter
        now: int,
    ) -> Verified:
        """See `asked.verify_asked_token`."""
        return verify_asked_token(presented.secret, record, now)

    async def confirm(self, presented: PresentedToken) -> bool:
        """See `SelfContained`."""
        return await self._introspector.confirm(presented.secret)

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        """`Bearer`."""
        return _CHALLENGES

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """The bearer form."""
        return (OpenApiScheme("introspected_bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "opaque"}),)


@final
class OpaqueProver:
    """Proves opaque tokens that come by another way than `Authorization`: in the body of an introspection request.

    Whether the token is for whoever asks is not decided here.
    """

    def __init__(self, store: OpaqueSource, *, prefix: str) -> None:
        self._store: Final = store
        self._reader: Final = OpaqueReader(prefix)

    async def prove(self, presented_token: str, now: int) -> Verified:
        """What the token proves, to whatever resource.

        Raises:
            Rejected: for a token that is not one of ours, or no longer.
            Unavailable: `store_unavailable`.
        """
        presented = self._reader.parse(presented_token)
        if presented is None:
            raise Rejected("credential_unrecognised", "not of the form of an opaque token")
        return prove_opaque_token(presented.secret, await _load(self._store, presented), now).verified
