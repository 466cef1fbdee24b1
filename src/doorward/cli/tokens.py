"""`doorward tokens`: access tokens from the command line. The work is in the files beside this one."""

from typing import Annotated

import typer

from doorward.cli.frame import Because, Desk, ScopeList, new_group, offer, require_reason
from doorward.cli.tokens_inspect import inspect_token
from doorward.cli.tokens_issue import issue_token
from doorward.cli.tokens_revoke import parse_opaque_id, revoke_presented_token, revoke_token_of_id
from doorward.cli.tokens_verify import TokenType, verify_lines

commands = new_group("Access tokens: issue, inspect, verify, revoke.")

At = Annotated[
    int | None,
    typer.Option("--at", metavar="UNIX_SECONDS", min=0, help="Judge them as of this moment. Default: now."),
]
Leeway = Annotated[
    int,
    typer.Option("--leeway-s", metavar="N", min=0, max=300, help="How far the issuer's clock may be off, in seconds."),
]


@offer(commands, "verify")
async def verify(
    desk: Desk,
    *,
    jwks: Annotated[
        str, typer.Option("--jwks", metavar="FILE_OR_URL", help="The issuer's public keys, a JWK set (RFC 7517).")
    ],
    issuer: Annotated[str, typer.Option("--issuer", metavar="ISSUER", help="What `iss` must be, exactly.")],
    audience: Annotated[
        list[str],
        typer.Option("--audience", metavar="NAME", help="What `aud` must name, exactly; repeat for any of several."),
    ],
    token_type: Annotated[
        TokenType, typer.Option("--typ", help="`at+jwt`: strict RFC 9068. `any`: `iss`, `aud` and `exp` will do.")
    ] = TokenType.ACCESS,
    at: At = None,
    leeway_s: Leeway = 0,
) -> None:
    """Verify tokens, one a line on standard input, one line of answer each. Needs no server and no database.

    The answer is 0 when every token holds, 1 when any is refused, 2 when the command line or the keys cannot be used
    or no token came at all. A blank line is a refused token, and so is one that ends in a carriage return.

    Whether a token was taken back, only its issuer's feed of revocations knows.
    """
    await verify_lines(
        desk, jwks=jwks, issuer=issuer, audiences=tuple(audience), token_type=token_type, at=at, leeway_s=leeway_s
    )


@offer(commands, "issue")
async def issue(
    desk: Desk,
    *,
    client: Annotated[str, typer.Option("--client", metavar="ID", help="The client it is issued to.")],
    audience: Annotated[
        list[str], typer.Option("--audience", metavar="NAME", help="The resource it is for; repeat for more.")
    ],
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="Whom it is about. Default: the client itself.")
    ] = None,
    scope: ScopeList = None,
    lifetime: Annotated[
        str | None, typer.Option("--lifetime", metavar="TIME", help="How long it lives: 10m; a day at most.")
    ] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="ID", help="The sign-in it comes from.")] = None,
    grant: Annotated[str | None, typer.Option("--grant", metavar="ID", help="The consent it comes from.")] = None,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="ID", help="The organization it is for.")
    ] = None,
    claim: Annotated[
        list[str] | None, typer.Option("--claim", metavar="NAME=VALUE", help="A claim of your own; repeat for more.")
    ] = None,
    opaque: Annotated[
        bool, typer.Option("--opaque", metavar="", help="Opaque: it says nothing, and the store looks it up.")
    ] = False,
) -> None:
    """Issue an access token and show it, once. The audit log says who did."""
    await issue_token(
        desk,
        client=client,
        audiences=tuple(audience),
        subject=subject,
        scopes=tuple(scope or ()),
        lifetime=lifetime,
        session=session,
        grant=grant,
        organization=organization,
        claims=tuple(claim or ()),
        opaque=opaque,
    )


@offer(commands, "inspect")
async def inspect(
    desk: Desk,
    *,
    jwks: Annotated[
        str | None,
        typer.Option("--jwks", metavar="FILE_OR_URL", help="The issuer's public keys. Default: those of the store."),
    ] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", metavar="ISSUER", help="What `iss` must be.")] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option("--audience", metavar="NAME", help="What `aud` must name; repeat for any of several."),
    ] = None,
    at: At = None,
) -> None:
    """Explain the token on standard input, and why a verifier would refuse it.

    Works without a store and without keys too, and says then what could not be checked. Nothing a token says is
    fetched or run. The answer is 0 whatever the verdict: `doorward tokens verify` is for scripts.
    """
    await inspect_token(desk, jwks=jwks, issuer=issuer, audiences=tuple(audience or ()), at=at)


@offer(commands, "revoke")
async def revoke(
    desk: Desk,
    opaque_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The id of an opaque token; never the whole token.")
    ] = None,
    *,
    because: Because = None,
) -> None:
    """Take back the token on standard input, or an opaque one by its id.

    The token is proven first: a forged one takes nothing back. For everything of a person, a session or a client:
    `doorward revoke`.
    """
    reason = require_reason(because)
    if opaque_id is None:
        await revoke_presented_token(desk, reason=reason)
    else:
        await revoke_token_of_id(desk, parse_opaque_id(opaque_id), reason=reason)
