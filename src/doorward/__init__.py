"""Doorward: one front door for APIs. What users import, and nothing else.

Names are loaded when they are first used: `import doorward` alone loads no database, no framework and no crypto.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorward.app.bearer import Bearer as Bearer
    from doorward.app.bearer import Issuer as Issuer
    from doorward.app.opaque import Introspection as Introspection
    from doorward.app.opaque import Opaque as Opaque
    from doorward.app.remote import RemoteRevocations as RemoteRevocations
    from doorward.app.signed_requests import SignedRequests as SignedRequests
    from doorward.app.store import open_store as open_store
    from doorward.app.webhooks import Webhooks as Webhooks
    from doorward.door import Admitted as Admitted
    from doorward.door import Door as Door
    from doorward.errors import Misconfigured as Misconfigured
    from doorward.errors import Rejected as Rejected
    from doorward.errors import Unavailable as Unavailable
    from doorward.methods.apikey import ApiKeys as ApiKeys
    from doorward.methods.basic import Basic as Basic
    from doorward.methods.bearer import TokenVerifier as TokenVerifier
    from doorward.methods.bearer.operations import issue_access_token as issue_access_token
    from doorward.methods.opaque.operations import issue_opaque_token as issue_opaque_token
    from doorward.methods.token_order import TokenOrder as TokenOrder
    from doorward.values import Environment as Environment
    from doorward.values import Principal as Principal
    from doorward.values import PrincipalKind as PrincipalKind
    from doorward.values import RateLimit as RateLimit
    from doorward.values import Scopes as Scopes
    from doorward.wire.hops import TrustedHops as TrustedHops

__all__ = [
    "Admitted",
    "ApiKeys",
    "Basic",
    "Bearer",
    "Door",
    "Environment",
    "Introspection",
    "Issuer",
    "Misconfigured",
    "Opaque",
    "Principal",
    "PrincipalKind",
    "RateLimit",
    "Rejected",
    "RemoteRevocations",
    "Scopes",
    "SignedRequests",
    "TokenOrder",
    "TokenVerifier",
    "TrustedHops",
    "Unavailable",
    "Webhooks",
    "issue_access_token",
    "issue_opaque_token",
    "open_store",
]

_HOMES = {
    "Admitted": "doorward.door",
    "ApiKeys": "doorward.methods.apikey",
    "Basic": "doorward.methods.basic",
    "Bearer": "doorward.app.bearer",
    "Door": "doorward.door",
    "Environment": "doorward.values",
    "Introspection": "doorward.app.opaque",
    "Issuer": "doorward.app.bearer",
    "Misconfigured": "doorward.errors",
    "Opaque": "doorward.app.opaque",
    "Principal": "doorward.values",
    "PrincipalKind": "doorward.values",
    "RateLimit": "doorward.values",
    "Rejected": "doorward.errors",
    "RemoteRevocations": "doorward.app.remote",
    "Scopes": "doorward.values",
    "SignedRequests": "doorward.app.signed_requests",
    "TokenOrder": "doorward.methods.token_order",
    "TokenVerifier": "doorward.methods.bearer",
    "TrustedHops": "doorward.wire.hops",
    "Unavailable": "doorward.errors",
    "Webhooks": "doorward.app.webhooks",
    "issue_access_token": "doorward.methods.bearer.operations",
    "issue_opaque_token": "doorward.methods.opaque.operations",
    "open_store": "doorward.app.store",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'doorward' has no attribute {name!r}")
    try:
        return getattr(import_module(home), name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {"sqlalchemy", "alembic"}:
            raise
        raise ImportError(
            f"{name} needs a database: pip install 'doorward[sqlite]' or 'doorward[postgres]'", name=missing.name
        ) from missing


def __dir__() -> list[str]:
    return __all__
