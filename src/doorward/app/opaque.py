"""`doorward.Opaque` and `doorward.Introspection`: opaque tokens in front of your API, with or without a store."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

from msgspec.structs import replace

from doorward.errors import Misconfigured
from doorward.methods.opaque import IntrospectedTokens, Introspector, OpaqueTokens
from doorward.methods.opaque.config import ANSWER_LIFETIME_S

if TYPE_CHECKING:
    from doorward.methods.opaque.method import OpaqueSource

__all__ = ["Introspection", "Opaque"]

_DOORWARD_PATH: Final = "/introspect"


def Introspection(  # noqa: N802  # reads as the thing it makes
    url: str,
    *,
    key: str | Callable[[], str],
    audience: str | tuple[str, ...],
    issuer: str | None = None,
    answer_lifetime_s: float = ANSWER_LIFETIME_S,
    ca_file: Path | None = None,
    danger_plain_http: bool = False,
) -> Introspector:
    """Asks an issuer about tokens over HTTP (RFC 7662): give it to `Opaque`, or to `Bearer` as `when_stale`.

    Args:
        url: of a Doorward server, or of the introspection endpoint of any server (`https://id.example/introspect`). A
            URL without a path is a Doorward's, and `/introspect` is added.
        key: our credential there. For a Doorward: an API key with the scope `doorward:tokens:introspect` and the
            metadata `audience`. A function is called for each question, so that the key can be rotated.
        audience: what this resource is called; a token must be for it, or for one of several.
        issuer: exactly what answers say as `iss`. Default: the URL's scheme and host.
        answer_lifetime_s: how long an answer is believed: the bound within which a revoked token is refused here.
        ca_file: certificates to trust instead of the system's, PEM.
        danger_plain_http: let `http` be spoken, on loopback only. For development.

    Raises:
        Misconfigured: any of it cannot be, or the extra `http` is not installed.
    """
    try:
        from doorward.adapters.http.client import GuardedClient  # noqa: PLC0415  # an extra, needed only here
        from doorward.adapters.http.introspection import HttpIntrospection  # noqa: PLC0415  # as above
        from doorward.adapters.http.url import parse_operator_url  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        raise Misconfigured("Introspection needs an HTTP client.", cure="pip install 'doorward[http]'") from error
    origin = parse_operator_url(url, "introspection", danger_plain_http=danger_plain_http)
    whole = origin if origin.target != "/" else replace(origin, target=_DOORWARD_PATH)
    client = GuardedClient(
        unavailable="introspection_unavailable", ca_file=ca_file, danger_plain_http=danger_plain_http
    )
    return Introspector(
        HttpIntrospection(client, whole, key),
        issuer=origin.origin if issuer is None else issuer,
        audiences=(audience,) if isinstance(audience, str) else audience,
        clock=time.time,
        monotonic=time.monotonic,
        answer_lifetime_s=answer_lifetime_s,
    )


@overload
def Opaque(source: "OpaqueSource", *, audience: str | tuple[str, ...], prefix: str = "dw") -> OpaqueTokens: ...
@overload
def Opaque(source: Introspector, *, prefix: str | None = "dw") -> IntrospectedTokens: ...
def Opaque(  # noqa: N802  # reads as the thing it makes
    source: "OpaqueSource | Introspector",
    *,
    audience: str | tuple[str, ...] | None = None,
    prefix: str | None = "dw",
) -> OpaqueTokens | IntrospectedTokens:
    """Admits opaque tokens: of a store, or of an issuer that is asked.

    `Opaque(open_store("sqlite:///doorward.db"), audience="https://api.example")`
    `Opaque(Introspection("https://id.example", key=KEY, audience="https://api.example"))`

    Args:
        source: a store that was told its issuer, or an `Introspection`.
        audience: what this resource is called; with an `Introspection` it is said there.
        prefix: what tokens of that Doorward start with. None, with an `Introspection` of another kind of server: every
            bearer value is one of its tokens, but signed ones and other secrets of ours.

    Raises:
        Misconfigured: no audience, an audience said twice, a prefix that is not of the form, or a store without issuer.
    """
    if isinstance(source, Introspector):
        if audience is not None:
            raise Misconfigured("An audience is said twice.", cure="Say it to Introspection(…) alone.")
        return IntrospectedTokens(source, prefix=prefix)
    if audience is None or prefix is None:
        raise Misconfigured(
            "A door for tokens of a store must say which resource it is, and what they start with.",
            cure='Write Opaque(store, audience="https://api.example").',
        )
    return OpaqueTokens(source, audiences=(audience,) if isinstance(audience, str) else audience, prefix=prefix)
