"""`open_store`: every port of one database behind one name, opened when first used, in the loop that serves.

`ApiKeys(open_store("sqlite:///doorward.db"))` at import time opens nothing. `async with store:` opens the database
alone, which is what a command needs; a door starts the plane (the view of revocations, counting, the log) with the
first request.
"""

import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, final

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.app.erasing import SecretEraser
from doorward.app.master_key import load_master_keys, prove_master_keys
from doorward.app.plane import ClosingLog, StorePlane
from doorward.audit.chain import ChainName, derive_chain_key
from doorward.audit.log import VerificationLogFile
from doorward.audit.port import AuditPort, VerificationLog
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.keys.config import RingPolicy
from doorward.keys.ring import Keyring
from doorward.keys.signer import SealedSigner, Signer
from doorward.methods.claims import CLAIMS_PER_OWNER_LIMIT, CLAIMS_PER_OWNER_MAX
from doorward.revocation.sectors import SealedSectors
from doorward.values import ChangePort, Clock, Entropy

if TYPE_CHECKING:
    from doorward.app.keyed_store import MetaPort
    from doorward.apps.port import AppPort
    from doorward.keys.keyring_port import SigningKeyPort
    from doorward.methods.apikey.port import KeyPort
    from doorward.methods.basic.port import PasswordPort
    from doorward.methods.opaque.port import OpaquePort
    from doorward.methods.signature.port import SignatureKeyPort
    from doorward.methods.standing import StandingPort
    from doorward.methods.webhook.port import SenderPort
    from doorward.revocation.port import FeedPort
    from doorward.revocation.writes import HoldingsPort

__all__ = ["Store", "open_store"]


@final
class Store:
    """One database and what all methods over it share. Made by `open_store`; belongs to one event loop at a time."""

    def __init__(
        self,
        ports: SqlPorts,
        *,
        master_keys: MasterKeys | None,
        ring_policy: RingPolicy | None,
        signer: Signer | None,
        open_log: Callable[[], ClosingLog] | None,
        observers: tuple[VerificationLog, ...],
        clock: Clock,
        entropy: Entropy,
        max_staleness_s: float,
        pull_interval_s: float,
        push: bool,
        prove: bool,
    ) -> None:
        self.keys: Final[KeyPort] = ports.keys
        self.passwords: Final[PasswordPort] = ports.passwords
        self.opaque_tokens: Final[OpaquePort] = ports.opaque_tokens
        self.standing: Final[StandingPort] = ports.standing
        self.apps: Final[AppPort] = ports.apps
        self.changes: Final[ChangePort] = ports.changes
        self.feed: Final[FeedPort] = ports.feed
        self.audit: Final[AuditPort] = ports.audit
        self.meta: Final[MetaPort] = ports.meta
        self.sectors: Final = SealedSectors(ports.sectors, master_keys)
        self.holdings: Final[HoldingsPort] = ports.holdings
        self.signing_keys: Final[SigningKeyPort] = ports.signing_keys
        self.signature_keys: Final[SignatureKeyPort] = ports.signature_keys
        self.senders: Final[SenderPort] = ports.senders
        self.clock: Final = clock
        self.entropy: Final = entropy
        self.master_keys: Final = master_keys
        self.plane: Final = StorePlane(
            ports,
            open_ports=self._open_ports,
            close_ports=ports.aclose,
            clock=clock,
            observers=observers,
            open_log=open_log,
            max_staleness_s=max_staleness_s,
            pull_interval_s=pull_interval_s,
            push=push,
        )
        self.signer: Final = signer or SealedSigner(master_keys, entropy=entropy)
        self.plane.accompany(SecretEraser(self))
        self._ports: Final = ports
        self._prove: Final = prove
        self._keyring: Final = None if ring_policy is None else self._make_keyring(ring_policy)

    def __repr__(self) -> str:
        return f"Store(started={self.plane.running})"

    @property
    def issuer(self) -> str | None:
        """Whose tokens are issued with this store; None when that was not said."""
        return None if self._keyring is None else self._keyring.issuer

    @property
    def keyring(self) -> Keyring:
        """The signing keys of our own issuer.

        Raises:
            Misconfigured: nobody has said which issuer this is.
        """
        if self._keyring is None:
            raise Misconfigured(
                "Tokens name their issuer, and this store was not told its own.",
                cure='Set `issuer` in doorward.toml, or DOORWARD_ISSUER; in a program: open_store(url, issuer="https://…").',
            )
        return self._keyring

    async def start(self) -> None:
        """Open the database, without following the feed. Idempotent.

        Raises:
            Misconfigured: the schema is not ours, or the master key is not this database's.
            Unavailable: `store_unavailable`.
        """
        await self._open_ports()

    async def aclose(self) -> None:
        """Flush what was counted and logged, and close. Idempotent."""
        await self.plane.aclose()

    def _make_keyring(self, policy: RingPolicy) -> Keyring:
        keyring = Keyring(policy, store=self, view=self.plane.view, signer=self.signer, master_keys=self.master_keys)
        self.plane.accompany(keyring)
        return keyring

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _open_ports(self) -> None:
        await self._ports.start()
        try:
            if self.master_keys is not None and self._prove:
                await prove_master_keys(self.meta, self.master_keys)
        except BaseException:
            await self._ports.aclose()
            raise


def open_store(
    url: str,
    *,
    master_keys: MasterKeys | None = None,
    issuer: str | None = None,
    ring_policy: RingPolicy | None = None,
    signer: Signer | None = None,
    audit_log: Path | None = None,
    clock: Clock = time.time,
    entropy: Entropy = secrets.token_bytes,
    observers: tuple[VerificationLog, ...] = (),
    max_staleness_s: float = 60.0,
    pull_interval_s: float = 1.0,
    push: bool = True,
    claims_per_owner_max: int = CLAIMS_PER_OWNER_MAX,
    danger_unproven_master_keys: bool = False,
) -> Store:
    """A store; nothing is opened yet.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`. May hold a password, never shown.
        master_keys: without them (also none in `DOORWARD_MASTER_KEY` or `DOORWARD_MASTER_KEY_FILE`) the store can
            verify, but change nothing and write no log of verifications.
        issuer: whose tokens are issued and verified with this store: the URL in their `iss`, the same in every process.
            Without it, `DOORWARD_ISSUER`; without both, the store has no keyring.
        ring_policy: how signing keys are kept, where the defaults of `RingPolicy` do not fit; instead of `issuer`.
        signer: who holds the private halves, where that is not this process (a KMS).
        audit_log: the folder the log of verifications goes to; each process writes files of its own there. Wants
            master keys.
        clock: epoch seconds.
        entropy: where secrets come from.
        observers: told of every decision of a door as well (metrics).
        max_staleness_s: how old the view of revocations may become before everything is refused.
        pull_interval_s: how often the feed is read when nothing is pushed.
        push: whether to listen for revocations as well.
        claims_per_owner_max: how many deliveries of one sender, or nonces of one key, are remembered at a time; beyond
            that its next are refused (`claims_full`) until older ones end. The same in every process.
        danger_unproven_master_keys: do not ask whether the master keys are this database's; for recovery only.

    Raises:
        Misconfigured: the URL is of no known kind, a master key is named that cannot be read, or a log is wanted
            without one; an issuer that is no URL; a number of claims out of range.
    """
    if not 1 <= claims_per_owner_max <= CLAIMS_PER_OWNER_LIMIT:
        raise Misconfigured(
            f"claims_per_owner_max={claims_per_owner_max} is out of range.",
            cure=f"Choose 1 to {CLAIMS_PER_OWNER_LIMIT:,}: as many as a sender sends while they are remembered.",
        )
    keys = master_keys or _load_named_by_environment(entropy)
    chain_key = derive_chain_key(keys, ChainName.CHANGES) if keys else None
    open_log = None
    if audit_log is not None and keys is None:
        # Silence would be found out on the day the record is needed.
        raise Misconfigured(
            "A log of verifications is chained with a key derived from the master key, and there is none.",
            cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY), or leave `audit_log` out.",
        )
    if audit_log is not None and keys is not None:
        log_key = derive_chain_key(keys, ChainName.VERIFICATIONS)
        open_log = partial(VerificationLogFile, audit_log, log_key, clock=clock)
    return Store(
        open_sql(url, chain_key=chain_key, clock=clock, claims_per_owner_max=claims_per_owner_max),
        master_keys=keys,
        ring_policy=_ring_policy(issuer, ring_policy),
        signer=signer,
        open_log=open_log,
        observers=observers,
        clock=clock,
        entropy=entropy,
        max_staleness_s=max_staleness_s,
        pull_interval_s=pull_interval_s,
        push=push,
        prove=not danger_unproven_master_keys,
    )


def _ring_policy(issuer: str | None, policy: RingPolicy | None) -> RingPolicy | None:
    if policy is not None:
        if issuer not in {None, policy.issuer}:
            raise Misconfigured("`issuer` and `ring_policy` name two issuers.", cure="Give one of them.")
        return policy
    named = issuer or os.environ.get("DOORWARD_ISSUER")
    return RingPolicy(issuer=named) if named else None


def _load_named_by_environment(entropy: Entropy) -> MasterKeys | None:
    # Not through `Settings`: it needs the server extra, which a library in somebody's process does without.
    path = os.environ.get("DOORWARD_MASTER_KEY_FILE")
    return load_master_keys(Path(path) if path else None, os.environ.get("DOORWARD_MASTER_KEY"), entropy=entropy)
