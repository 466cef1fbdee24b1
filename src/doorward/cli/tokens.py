"""`doorward tokens`: signed tokens, judged from the command line. The work is in the files beside this one."""

from typing import Annotated

import typer

from doorward.cli.frame import Desk, new_group, offer
from doorward.cli.tokens_verify import TokenType, verify_lines

commands = new_group("Access tokens: verify.")

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
