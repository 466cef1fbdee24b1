"""What is asked for when a signed access token is made, and what is handed out."""

from collections.abc import Mapping
from typing import Final, TypedDict, final

import msgspec

from doorward.errors import Rejected
from doorward.methods.token_order import TokenOrder
from doorward.values import Scopes

__all__ = ["ACCESS_TOKEN_TYPE", "IssuedToken", "OrderFields", "TokenOrder", "order_of"]

ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  # the `typ` of RFC 9068 section 2.1, not a secret


class OrderFields(TypedDict, total=False):
    """The fields of a `TokenOrder`, by name; `audience` may be one text."""

    subject: str | None
    client_id: str
    audience: str | tuple[str, ...]
    scopes: Scopes
    lifetime_s: int
    session_id: str | None
    grant_id: str | None
    organization_id: str | None
    auth_time: int | None
    acr: str | None
    amr: tuple[str, ...]
    claims: Mapping[str, object]
    pairwise_sector: str | None


def order_of(order: TokenOrder | None, said: OrderFields) -> TokenOrder:
    """The order, whether it came whole or field by field; unverified.

    Raises:
        Rejected: `input_invalid` when it came both ways, neither way, or without a client or an audience.
    """
    if order is not None:
        if said:
            raise Rejected("input_invalid", "a token is ordered whole or field by field, not both")
        return order
    fields = dict(said)
    audience = fields.get("audience")
    if isinstance(audience, str):
        fields["audience"] = (audience,)
    try:
        return TokenOrder(**fields)  # type: ignore[arg-type]  # checked field by field by `parse_order`
    except TypeError:
        raise Rejected("input_invalid", "a token needs a client_id and an audience, and has no other fields") from None


@final
class IssuedToken(msgspec.Struct, frozen=True):
    """A new token. Its text is in nothing Doorward keeps."""

    text: str
    jti: str
    expires_at: int
    """Epoch seconds, exclusive."""
    claims: Mapping[str, object]

    def __repr__(self) -> str:
        return f"IssuedToken(text=<secret>, jti={self.jti!r}, expires_at={self.expires_at})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("jti", self.jti), ("expires_at", self.expires_at)]
