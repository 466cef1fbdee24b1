"""What may be said of the grants of a credential that is made or changed: the same options, whatever it is."""

from typing import Annotated

import typer

__all__ = ["AnyNetwork", "Networks", "NoRate", "NoScopes", "Overlap", "Rate"]

Networks = Annotated[
    list[str] | None,
    typer.Option("--network", metavar="CIDR", help="Where it may be used from; repeat for more. Default: anywhere."),
]
Rate = Annotated[str | None, typer.Option("--rate", metavar="N/TIME", help="At most so many requests: 100/60s.")]
Overlap = Annotated[
    str, typer.Option("--overlap", metavar="TIME", help="How long the old key still works: 24h; 0 when it has leaked.")
]
NoScopes = Annotated[bool, typer.Option("--no-scopes", metavar="", help="Take every scope away.")]
AnyNetwork = Annotated[bool, typer.Option("--any-network", metavar="", help="Usable from anywhere.")]
NoRate = Annotated[bool, typer.Option("--no-rate", metavar="", help="Take the rate limit away.")]
