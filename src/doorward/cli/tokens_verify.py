"""Judge tokens against a JWK set: a line in, a line out, in the order they came and as soon as they come.

Rules of this file:

* Whatever a line holds, it is one answer: bytes that are no text, NULs, a megabyte. Of a line that is too long only as
  much is read as proves it; the rest is passed over and never held.
* Lines end in a line feed and nothing else. A carriage return is no part of a token, and taking it away would accept
  a text that no verifier behind a door accepts. A last line without an end is a token; an end without a line is none.
* No token at all is an answer of 2, not of 0: `printf %s "$TOKEN" | doorward tokens verify … && let-in` must not let
  in whoever sends nothing.
* No token is shown again, in no answer.
"""

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any, BinaryIO, Final, final

from doorward.cli.frame import Desk
from doorward.cli.output import Output
from doorward.cli.problems import Failed, UsageProblem
from doorward.cli.text import moment, printable
from doorward.cli.tokens_keys import read_keys
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import KeySet
from doorward.errors import Misconfigured, Rejected
from doorward.keys.fixed import FixedKeys
from doorward.methods.bearer.config import TOKEN_BYTES_MAX, IssuerPolicy
from doorward.methods.bearer.profiles import ANY, RFC9068
from doorward.methods.bearer.verify import parse_token, verify_token
from doorward.values import Principal

__all__ = ["TokenType", "principal_shape", "read_lines", "verify_lines"]

_PASSED_OVER_BYTES: Final = 65_536


@final
class TokenType(Enum):
    """Which kind of token is asked for."""

    ACCESS = "at+jwt"
    ANY = "any"


async def verify_lines(
    desk: Desk,
    *,
    jwks: str,
    issuer: str,
    audiences: tuple[str, ...],
    token_type: TokenType,
    at: int | None,
    leeway_s: int,
) -> None:
    """Verify every line of standard input.

    Raises:
        UsageProblem: the keys, the issuer or the audience cannot be used; or no token came.
        Failed: at least one token was refused; how many.
    """
    keys = await read_keys(jwks, desk.out)
    policy = _policy_of(keys, issuer=issuer, audiences=audiences, token_type=token_type, leeway_s=leeway_s)
    count = refused = 0
    for line in () if sys.stdin is None else read_lines(sys.stdin.buffer):
        count += 1
        refused += not _answer(desk.out, policy, line, desk.now if at is None else at)
    if not count:
        raise UsageProblem("No token came on standard input: write one a line.")
    if refused:
        raise Failed(f"{refused:,} of {count:,} {'token was' if count == 1 else 'tokens were'} refused.")


def _policy_of(
    keys: KeySet, *, issuer: str, audiences: tuple[str, ...], token_type: TokenType, leeway_s: int
) -> IssuerPolicy:
    try:
        return IssuerPolicy(
            issuer=issuer,
            audiences=frozenset(audiences),
            keys=FixedKeys(keys),
            # Whoever names the file has chosen its keys, and each has one algorithm: a secret in it may verify too.
            algorithms=frozenset(Algorithm),
            profile=RFC9068 if token_type is TokenType.ACCESS else ANY,
            leeway_s=leeway_s,
            issued_ahead_s=leeway_s,
        )
    except Misconfigured as error:
        raise UsageProblem(str(error)) from None


def _answer(out: Output, policy: IssuerPolicy, presented_line: bytes, now: int) -> bool:
    """Write the answer for one token; whether it holds."""
    try:
        principal = verify_token(parse_token(presented_line, {policy.issuer: policy}), now).verified.principal
    except Rejected as refused:
        detail = _why(refused, presented_line)
        if out.as_json:
            out.json({"ok": False, "code": refused.code, "detail": detail})
        else:
            out.verdict(f"{refused.code}: {detail}", good=False)
        out.flush()
        return False
    if out.as_json:
        out.json({"ok": True, "principal": principal_shape(principal)})
    else:
        out.verdict(_in_words(principal), good=True)
    out.flush()
    return True


def _why(refused: Rejected, presented_line: bytes) -> str:
    if not presented_line:
        return "an empty line"
    if presented_line.endswith(b"\r"):
        return "the line ends in a carriage return: write lines that end in a line feed alone"
    return refused.detail or refused.refusal.text


def principal_shape(principal: Principal) -> dict[str, Any]:  # Any: JSON
    """Who a token names, as JSON. `claims` holds everything it says."""
    claims = dict(principal.claims)
    audience = claims.get("aud")
    return {
        "kind": principal.kind.value,
        "id": principal.id,
        "issuer": principal.issuer,
        "client_id": principal.client_id,
        "scopes": list(principal.scopes),
        "audience": [audience] if isinstance(audience, str) else audience,
        "session_id": principal.session_id,
        "organization_id": principal.organization_id,
        "not_after": principal.not_after,
        "credential_id": principal.credential_id,
        "claims": claims,
    }


def _in_words(principal: Principal) -> str:
    who = f"{principal.kind.value} {principal.id}" if principal.id else "nobody by name"
    through = f" through {principal.client_id}" if principal.client_id not in {None, principal.id} else ""
    may = " ".join(principal.scopes) or "no scope"
    return printable(f"{who}{through}, {may}, until {moment(principal.not_after or 0)}")


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends, each cut at one byte more than a token may have."""
    longest = TOKEN_BYTES_MAX + 1
    while line := stream.readline(longest + 1):
        if line.endswith(b"\n"):
            yield line[:-1]
            continue
        yield line[:longest]
        while len(line) > longest and not line.endswith(b"\n"):
            rest = stream.readline(_PASSED_OVER_BYTES)
            if not rest or rest.endswith(b"\n"):
                break
