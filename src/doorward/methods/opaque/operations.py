"""What can be done to opaque tokens, from the library, the server and the command line alike.

Issuing asks the feed and inserts a row: one read, one write. It inherits the watermark of the sign-in it comes from;
whoever has none is issued to as of now.
"""

from typing import Final, Protocol

from doorward.errors import Rejected
from doorward.methods.opaque.issue import IssuedOpaqueToken, issue_token, revoke_token
from doorward.methods.opaque.port import OpaquePort, OpaqueRecord
from doorward.methods.opaque.verify import METHOD
from doorward.methods.plane import Plane
from doorward.methods.standing import StandingPort
from doorward.methods.token_issuing import Issuing, record_issuance, stand_for
from doorward.methods.token_order import TokenOrder, parse_order
from doorward.values import Actor, ChangePort, Clock, CredentialId, Entropy, Watermark

__all__ = ["OpaqueStore", "issue_opaque_token", "revoke_opaque_token"]

_FORM: Final = "opaque token"


class OpaqueStore(Protocol):
    """What is needed of a store to issue and revoke opaque tokens."""

    @property
    def opaque_tokens(self) -> OpaquePort:
        """Finds tokens."""
        ...

    @property
    def standing(self) -> StandingPort:
        """Tells what no longer stands."""
        ...

    @property
    def sectors(self) -> "SectorNames":
        """Derives names."""
        ...

    @property
    def keyring(self) -> "NamedIssuer":
        """Who we are."""
        ...

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def plane(self) -> Plane:
        """Has the log."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where secrets come from."""
        ...
