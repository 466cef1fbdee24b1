"""`doorward keyring`: the keys tokens are signed with. Private halves are never shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from doorward.cli.frame import Because, Desk, new_group, offer, require_reason
from doorward.cli.keyring_view import show_compromised, show_imported, show_retired, show_ring, show_rotated
from doorward.cli.problems import Failed, UsageProblem
from doorward.crypto.jose.algorithms import Algorithm, find_algorithm
from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.jose.signing import IMPORT_BYTES_MAX, SigningKey, import_signing_key
from doorward.errors import Rejected
from doorward.keys.adoption import import_signing_key_next
from doorward.keys.config import SIGNING_ALGORITHMS, RingPolicy
from doorward.keys.keyring_port import SigningKeyPort, SigningKeyRecord, SigningKeyState
from doorward.keys.operations import (
    compromise_signing_key,
    retire_signing_key,
    rotate_signing_key,
)

if TYPE_CHECKING:
    from doorward.app.settings import Settings

commands = new_group("The keys tokens are signed with. Private halves are never shown.")

IssuerOption = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="Whose keys, where the database holds those of several."),
]
Kid = Annotated[str, typer.Argument(metavar="KID", help="The id of the key; `doorward keyring list` shows them.")]
_PAGE: Final = 1_000


@offer(commands, "list")
async def list_keys(
    desk: Desk,
    *,
    issuer: IssuerOption = None,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="Retired keys too.")] = False,
) -> None:
    """List signing keys: their state, and what happens to each next, and when."""
    settings = desk.settings()
    async with desk.store(settings) as store:
        records = await _all(store.signing_keys, issuer)
    shown = [key for key in records if everything or key.state is not SigningKeyState.RETIRED]
    policies = {key.issuer: settings.ring_policy_of(key.issuer) for key in records}
    show_ring(desk.out, shown, policies, desk.now)


@offer(commands, "rotate")
async def rotate(
    desk: Desk,
    *,
    issuer: IssuerOption = None,
    danger_at_once: Annotated[
        bool,
        typer.Option(
            "--danger-at-once",
            metavar="",
            help="Also when some verifiers cannot know the next key yet; they refuse its tokens for some minutes.",
        ),
    ] = False,
    because: Because = None,
) -> None:
    """Let the next key sign now, and publish another after it.

    It happens by itself when it is due. Tokens that are out go on being verified until they expire.
    """
    reason, settings = require_reason(because), desk.settings()
    async with desk.store(settings) as store:
        policy = await _policy(settings, store.signing_keys, issuer)
        ring = await rotate_signing_key(
            store, policy, store.signer, reason=reason, actor=desk.actor, danger_at_once=danger_at_once
        )
    show_rotated(desk.out, ring, policy, desk.now)


@offer(commands, "retire")
async def retire(
    desk: Desk,
    kid: Kid,
    *,
    compromised: Annotated[
        bool,
        typer.Option("--compromised", metavar="", help="Somebody else may have it: refuse all it signs, for good."),
    ] = False,
    because: Because = None,
) -> None:
    """Refuse everything a key has signed, from now on.

    The key that signs can only be retired when it is compromised; otherwise rotate first. With --compromised nothing
    the key signs is ever accepted again, forged tokens included, and the next key signs in its place.
    """
    reason, settings = require_reason(because), desk.settings()
    async with desk.store(settings) as store:
        record = await store.signing_keys.find_signing_key(kid)
        if record is None:
            raise Rejected("object_unknown", f"no signing key {kid!r}; `doorward keyring list` shows them")
        policy = settings.ring_policy_of(record.issuer)
        act = compromise_signing_key if compromised else retire_signing_key
        gone = await act(store, policy, store.signer, kid, reason=reason, actor=desk.actor)
        ring = await store.signing_keys.list_ring(record.issuer)
    if compromised:
        show_compromised(desk.out, gone, record.state, ring, policy, settings.max_staleness_s, desk.now)
    else:
        show_retired(desk.out, gone, record.state, desk.now)


@offer(commands, "import")
async def import_key(
    desk: Desk,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A private key: PEM (not encrypted) or JWK.")],
    *,
    issuer: IssuerOption = None,
    algorithm: Annotated[
        str | None,
        typer.Option("--algorithm", metavar="ALG", help="What it signs with, where the file leaves that open (RSA)."),
    ] = None,
    kid: Annotated[
        str | None,
        typer.Option("--kid", metavar="KID", help="Its id, where the file says none. Default: its thumbprint."),
    ] = None,
    because: Because = None,
) -> None:
    """Take over a key that was made elsewhere.

    It becomes the next one, and signs when verifiers have had time to fetch it.
    """
    reason, settings = require_reason(because), desk.settings()
    key = _read_key(path, algorithm, kid)
    async with desk.store(settings) as store:
        if store.master_keys is None:
            raise Failed("Without a master key nothing can be sealed: set master_key_file.")
        policy = await _policy(settings, store.signing_keys, issuer)
        if not await store.signing_keys.list_ring(policy.issuer):
            raise Failed(f"{policy.issuer} has no signing keys yet: `doorward serve` or the first token makes them.")
        record = await import_signing_key_next(store, policy, store.master_keys, key, reason=reason, actor=desk.actor)
    show_imported(desk.out, record, policy, path, desk.now)


def _read_key(path: Path, presented_algorithm: str | None, presented_kid: str | None) -> SigningKey:
    algorithm = None if presented_algorithm is None else _parse_algorithm(presented_algorithm)
    with path.open("rb") as file:
        text = file.read(IMPORT_BYTES_MAX + 1)
    try:
        return import_signing_key(text, algorithm=algorithm, kid=presented_kid)
    except UnusableKey as error:
        raise Failed(f"{path} holds no key that may sign tokens: {error.reason}.") from None


def _parse_algorithm(presented_text: str) -> Algorithm:
    algorithm = find_algorithm(presented_text)
    if algorithm not in SIGNING_ALGORITHMS:
        known = ", ".join(sorted(algorithm.value for algorithm in SIGNING_ALGORITHMS))
        raise UsageProblem(f"{presented_text!r} is no algorithm tokens are signed with: {known}.")
    return algorithm


async def _policy(settings: "Settings", keys: SigningKeyPort, issuer: str | None) -> RingPolicy:
    if issuer is not None:
        return settings.ring_policy_of(issuer)
    if settings.ring_policy is not None:
        return settings.ring_policy
    issuers = sorted({key.issuer for key in await _all(keys, None)})
    if len(issuers) == 1:
        return settings.ring_policy_of(issuers[0])
    listed = f"one of {', '.join(issuers)}" if issuers else "its URL, or set `issuer` or `public_url`"
    raise UsageProblem(f"Say whose keys: --issuer, {listed}.")


async def _all(keys: SigningKeyPort, issuer: str | None) -> list[SigningKeyRecord]:
    records: list[SigningKeyRecord] = []
    while page := await keys.list_signing_keys(issuer=issuer, after=records[-1].kid if records else "", limit=_PAGE):
        records.extend(page)
    return records
