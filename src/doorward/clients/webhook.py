"""Deliveries of webhooks, as a sender makes them, with any of the schemes of `methods/webhook`.

Where the scheme signs an id, each delivery gets one of its own, and must keep it when it is sent once more: put the id
header of the first attempt on every later one, and it is signed as it stands.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, TypeAlias, final

from doorward.clients.body import refuse_unknown_body
from doorward.clients.outgoing import OutgoingRequest, require_kind
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import Scheme, WebhookSecret, find_scheme, parse_secret, sign_delivery
from doorward.values import Clock, Entropy
from doorward.wire.request import Header

__all__ = ["DeliverySecrets", "DeliverySigning"]

DeliverySecrets: TypeAlias = str | WebhookSecret | Sequence[WebhookSecret]
"""A secret as the scheme writes it, a parsed one, or several while one replaces another."""

_ID_BYTES: Final = 18
_SECRET_ID: Final = "of this sender"  # noqa: S105  # as it stands in sentences
_SECRET_CURE: Final = "Give it as text, as it was shown; or parsed, one or several."  # noqa: S105  # words


@final
class DeliverySigning:
    """Signs deliveries by one scheme.

    Args:
        scheme: the scheme, or its name.
        secret: see `DeliverySecrets`.
        clock: see `Clock`.
        entropy: see `Entropy`.

    Raises:
        Misconfigured: no such scheme, or a secret that is none.
    """

    __slots__ = ("_clock", "_entropy", "_secrets", "scheme")

    def __init__(self, scheme: Scheme | str, secret: DeliverySecrets, *, clock: Clock, entropy: Entropy) -> None:
        require_kind(scheme, (str, Scheme), "A scheme", cure="Give its name, such as standard, or a Scheme.")
        require_kind(secret, (str, WebhookSecret, Sequence), "A webhook secret", cure=_SECRET_CURE)
        self.scheme: Final = find_scheme(scheme) if isinstance(scheme, str) else scheme
        if isinstance(secret, str):
            secret = parse_secret(self.scheme, secret, secret_id=_SECRET_ID)
        self._secrets: Final = (secret,) if isinstance(secret, WebhookSecret) else tuple(secret)
        for one in self._secrets:
            require_kind(one, (WebhookSecret,), "A webhook secret", cure=_SECRET_CURE)
        self._clock: Final = clock
        self._entropy: Final = entropy

    def __repr__(self) -> str:
        return f"DeliverySigning({self.scheme.name!r})"

    def takes_stream(self, request: OutgoingRequest) -> bool:
        """Never: the bytes themselves are signed."""
        del request
        return False

    def sign(self, request: OutgoingRequest, body: bytes | None) -> tuple[Header, ...]:
        """The headers to add; one that is there already, the id, stays.

        Args:
            request: all of it but these.
            body: as it is sent; None when it is streamed.

        Raises:
            Misconfigured: the body or the id cannot be signed.
        """
        if body is None:
            raise refuse_unknown_body()
        now = int(self._clock())
        active = [secret for secret in self._secrets if secret.is_active(now)]
        id_header = self.scheme.id_header.lower().encode("ascii")
        own_id = request.value(id_header) if self.scheme.signs_id else None
        content_type = request.value(b"content-type")
        try:
            headers = sign_delivery(
                self.scheme,
                active,
                body,
                now=now,
                delivery_id=self._new_id() if own_id is None else own_id.decode("latin-1"),
                url=request.url,
                content_type=None if content_type is None else content_type.decode("latin-1"),
            )
        except Rejected as error:
            raise Misconfigured(
                f"The delivery cannot be signed: {error.detail}.", cure="Look at what the scheme signs."
            ) from None
        added = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers]
        return tuple(header for header in added if own_id is None or header[0] != id_header)

    def _new_id(self) -> str:
        return f"msg_{urlsafe_b64encode(self._entropy(_ID_BYTES)).decode('ascii')}"
