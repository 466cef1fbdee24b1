"""`doorward revoke`: take back whatever a phone, a laptop or a customer has walked away with."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from doorward.apps.credentials import revoke_credential
from doorward.cli.frame import Because, Desk, new_command, offer, require_reason
from doorward.cli.parse import parse_logged_id
from doorward.cli.problems import UsageProblem
from doorward.cli.revoke_view import show_revoked, show_revoked_credential
from doorward.revocation.operations import revoke_named
from doorward.values import FeedKind
from doorward.wire.reason import is_secret

if TYPE_CHECKING:
    from doorward.app.store import Store

commands = new_command()

_WHICH: Final = "--subject, --token, --session, --grant, --client, --organization or --credential"

_Subject = Annotated[
    str | None, typer.Option("--subject", metavar="S", help="All a person was issued so far; they may sign in again.")
]
_Token = Annotated[str | None, typer.Option("--token", metavar="JTI", help="One token, by its id (`jti`).")]
_Session = Annotated[str | None, typer.Option("--session", metavar="ID", help="One sign-in (`sid`), for good.")]
_Grant = Annotated[str | None, typer.Option("--grant", metavar="ID", help="One consent (`dw_grant`), for good.")]
_Client = Annotated[
    str | None, typer.Option("--client", metavar="ID", help="All a client was issued so far, for everybody.")
]
_Organization = Annotated[
    str | None,
    typer.Option(
        "--organization", metavar="ID", help="All an organization was issued so far; its keys and passwords for good."
    ),
]
_Credential = Annotated[
    str | None,
    typer.Option(
        "--credential", metavar="ID", help="An API key, app password, signature key or opaque token, for good."
    ),
]
_Issuer = Annotated[
    str | None, typer.Option("--issuer", metavar="URL", help="Whose token, person or client it is, when not ours.")
]


@offer(commands, "revoke")
async def revoke(
    desk: Desk,
    *,
    subject: _Subject = None,
    token: _Token = None,
    session: _Session = None,
    grant: _Grant = None,
    client: _Client = None,
    organization: _Organization = None,
    credential: _Credential = None,
    issuer: _Issuer = None,
    signing_key: Annotated[str | None, typer.Option("--signing-key", hidden=True)] = None,
    because: Because = None,
) -> None:
    """Take something back: it is refused everywhere within two seconds, without a call per request.

    Say which one, by its public id. What was issued before now is void; what is issued later is good, except for
    tokens, sessions, grants and credentials, which end for good. Signing keys are the keyring's to retire.
    """
    if signing_key is not None:
        raise UsageProblem("A signing key is taken back by `doorward keyring retire --compromised`.")
    named = {
        FeedKind.SUBJECT: subject,
        FeedKind.TOKEN: token,
        FeedKind.SESSION: session,
        FeedKind.GRANT: grant,
        FeedKind.CLIENT: client,
        FeedKind.ORGANIZATION: organization,
        FeedKind.CREDENTIAL: credential,
    }
    if issuer is not None and not {":", "."} & set(issuer):
        raise UsageProblem("--issuer names whoever issued it, exactly as the `iss` of its tokens: https://id.example.")
    kind, presented_id = _only_one({kind: value for kind, value in named.items() if value is not None})
    reason = require_reason(because)
    if kind is FeedKind.CREDENTIAL:
        if issuer is not None:
            raise UsageProblem("Credentials are always ours: leave --issuer out.")
        wanted = parse_logged_id(presented_id)
        if wanted.startswith("whs_"):
            raise UsageProblem("A secret of a webhook sender is taken back by `doorward webhooks secrets retire`.")
        async with desk.store() as store:
            done = await revoke_credential(store, wanted, reason=reason, actor=desk.actor)
        show_revoked_credential(desk.out, done)
        return
    async with desk.store() as store:
        if issuer is not None and await _signs_here(store, issuer):
            # As another issuer's the row would be one that no verifier of ours ever asks for.
            issuer = None
        revoked = await revoke_named(store, kind, presented_id, issuer=issuer, reason=reason, actor=desk.actor)
    show_revoked(desk.out, revoked)


async def _signs_here(store: "Store", issuer: str) -> bool:
    return issuer == store.issuer or bool(await store.signing_keys.list_signing_keys(issuer=issuer, limit=1))


def _only_one(said: dict[FeedKind, str]) -> tuple[FeedKind, str]:
    """The one thing that is to be revoked."""
    if len(said) != 1:
        problem = "Say what to take back" if not said else "Take back one thing at a time"
        raise UsageProblem(f"{problem}: {_WHICH}.")
    ((kind, presented_id),) = said.items()
    # Never repeated: it would stand in the terminal's scrollback and in whatever collects this program's errors.
    if is_secret(presented_id):
        raise UsageProblem(
            f"What was given to --{_name_of(kind)} is a token or key itself, and a command line can be read by others "
            f"and is kept in the shell's history. {_instead(kind)}"
        )
    if presented_id != presented_id.strip():
        raise UsageProblem(f"There are spaces around what was given to --{_name_of(kind)}: an id has none.")
    return kind, presented_id


def _name_of(kind: FeedKind) -> str:
    return kind.value.replace("_", "-")


def _instead(kind: FeedKind) -> str:
    if kind is FeedKind.TOKEN:
        return "Pipe it into `doorward tokens revoke`, or give only its `jti`."
    if kind is FeedKind.CREDENTIAL:
        return "Give only its id: the 12 characters that `doorward keys list` shows."
    return "Give only the id."
