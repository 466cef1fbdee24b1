"""What a new signature key shall be, as it is said on the command line."""

from msgspec.structs import replace

from doorward.apps.port import AppRecord
from doorward.cli.frame import Desk
from doorward.cli.keys_expiry import expires_in_s_of
from doorward.cli.parse import parse_metadata, parse_rate
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.values import AppId, Scopes

__all__ = ["order_for", "order_of"]


def order_of(
    desk: Desk,
    scope: list[str] | None,
    expires: str | None,
    network: list[str] | None,
    rate: str | None,
    metadata: list[str] | None,
) -> SignatureKeyOrder:
    """What is ordered, before the app is known: everything that can be wrong on the command line is, by then."""
    return SignatureKeyOrder(
        app_id=AppId(""),
        name="",
        scopes=Scopes(*(scope or ())),
        networks=tuple(network or ()),
        rate=None if rate is None else parse_rate(rate),
        expires_in_s=expires_in_s_of(expires, desk.now),
        metadata=parse_metadata(metadata or []),
    )


def order_for(order: SignatureKeyOrder, owner: AppRecord, name: str | None) -> SignatureKeyOrder:
    """The order, now that the app is found; its name is the key's unless another was said."""
    return replace(order, app_id=owner.id, name=owner.name if name is None else name)
