"""API keys as the pipeline sees them: the pieces of this folder behind the one contract of all methods."""

from typing import Final, Protocol, final

from doorward.methods.apikey.config import ApiKeyConfig
from doorward.methods.apikey.port import KeyPort
from doorward.methods.apikey.verify import METHOD, LoadedKey, verify_key
from doorward.methods.apikey.wire import CARRIER_HEADER, KeyReader, PresentedKey
from doorward.methods.contract import OpenApiScheme, Verified
from doorward.methods.plane import Plane, plane_of
from doorward.values import Environment
from doorward.wire.challenge import build_challenge
from doorward.wire.credential import has_valid_checksum
from doorward.wire.request import RequestView

__all__ = ["ApiKeys", "KeySource"]

_CHALLENGES: Final = (
    build_challenge("Bearer", realm="doorward"),
    build_challenge("Api-Key", realm="doorward"),
)


class KeySource(Protocol):
    """What is needed of a store to verify keys."""

    @property
    def keys(self) -> KeyPort:
        """Finds keys. Read when first used: a store may open in the serving loop only."""
        ...

    @property
    def plane(self) -> Plane:
        """What the methods of the store share."""
        ...


@final
class ApiKeys:
    """Admits API keys of one environment and one prefix.

    Args:
        store: from `open_store`.
        environment: a key of another environment is refused.
        prefix: what keys of this deployment start with.

    Raises:
        Misconfigured: a prefix that is not of the form.
    """

    __slots__ = ("_environment", "_reader", "_store", "bearer_carried", "config", "counts_use", "name", "plane")

    def __init__(self, store: KeySource, *, environment: Environment = Environment.LIVE, prefix: str = "dw") -> None:
        self.config: Final = ApiKeyConfig(environment=environment, prefix=prefix)
        self.name: Final = METHOD
        self.plane: Final[Plane | None] = plane_of(store)
        self.bearer_carried: Final = True
        self.counts_use: Final = True
        self._store: Final = store
        self._environment: Final = environment
        self._reader: Final = KeyReader(prefix)

    def __repr__(self) -> str:
        return f"ApiKeys(environment={self.config.environment.value!r}, prefix={self.config.prefix!r})"

    def extract(self, request: RequestView) -> PresentedKey | None:
        """See `wire.KeyReader.extract`."""
        return self._reader.extract(request)

    async def load(self, presented: PresentedKey) -> LoadedKey | None:
        """The stored key; None without a read when the checksum does not fit (public arithmetic, so no oracle)."""
        if not has_valid_checksum(presented.secret.decode("ascii")):
            return None
        record = await self._store.keys.find_key(presented.lookup_id)
        return None if record is None else LoadedKey(record)

    def verify(self, presented: PresentedKey, record: LoadedKey | None, request: RequestView, now: int) -> Verified:
        """See `verify.verify_key`."""
        return verify_key(presented, record, self._environment, request.client, now)

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        """`Bearer` and `Api-Key`; `X-API-Key` has no challenge."""
        return _CHALLENGES

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """The bearer form and the header form."""
        form = f"{self.config.prefix}_{self.config.environment.value}_…"
        return (
            OpenApiScheme("apikey_bearer", {"type": "http", "scheme": "bearer", "bearerFormat": form}),
            OpenApiScheme("apikey_header", {"type": "apiKey", "in": "header", "name": CARRIER_HEADER}),
        )
