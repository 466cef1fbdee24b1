"""Which resources the holder of a key stands for: the metadata `audience` of the key, separated by spaces.

Rules of this file:

* Whoever asks about tokens or reads the feed is told what concerns these resources, and never names them in a request.
* So beside a scope of Doorward the entry is power, and not a note: who may write it freely reads every claim of a
  rival's tokens. An administrator of an organization hands on the audiences of its own key and no others; whoever
  operates the deployment (a key without an organization, the command line) names any.
"""

from collections.abc import Mapping
from typing import Final

from doorward.errors import Rejected
from doorward.revocation.exchange import AUDIENCES_MAX
from doorward.values import Principal, Scopes

__all__ = ["AUDIENCE_METADATA", "REVOCATIONS_READ", "audiences_of", "require_own_audiences"]

AUDIENCE_METADATA: Final = "audience"
"""The entry of a key's metadata that says which resources hold it."""
REVOCATIONS_READ: Final = Scopes("doorward:revocations:read")
"""What the key of a verifier that reads the feed must hold."""


def audiences_of(metadata: Mapping[str, str]) -> frozenset[str]:
    """The resources, the first 64 of them; empty when the key is of none."""
    return frozenset(metadata.get(AUDIENCE_METADATA, "").split()[:AUDIENCES_MAX])


def require_own_audiences(maker: Principal, scopes: Scopes, metadata: Mapping[str, str]) -> None:
    """Raise `scope_escalation` for a key of an organization that would stand for more resources than its maker.

    Args:
        maker: who makes, changes or wakes the key.
        scopes: of the key; at least one is of Doorward, or its audiences say nothing.
        metadata: of the key.
    """
    if maker.organization_id is None:
        return
    own, wanted = audiences_of(maker.metadata), audiences_of(metadata)
    if not wanted <= own:
        raise Rejected("scope_escalation", "it names a resource that its maker does not stand for")
    # A reader of no resource is told the plain names of subjects, which a resource that knows derived ones is not.
    if own and not wanted and not REVOCATIONS_READ.missing_from(scopes):
        raise Rejected("scope_escalation", "a reader of the feed without the audiences that bind its maker")
