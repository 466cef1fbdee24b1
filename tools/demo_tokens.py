"""The tokens of the tour: issued with the library, presented to both services, and taken back at the command line.

The times that are shown run from the last moment at which the revocation was not in the database, so they are never
shorter than what a caller sees.
"""

import asyncio
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import httpx2
from tools.demo_forgeries import with_claim, with_header, with_hmac_of_jwk, with_hmac_of_pem, without_signature
from tools.demo_processes import DemoFailed
from tools.demo_tour import Case, Outcome, ask_case, bearer

from doorward import Scopes, TokenOrder, issue_access_token, issue_opaque_token
from doorward.app.master_key import load_master_keys
from doorward.app.store import Store, open_store

__all__ = ["ORDERS_AUDIENCE", "SHELF_AUDIENCE", "TokenOffice", "Tokens", "cases_of_tokens", "take_back"]

ORDERS_AUDIENCE: Final = "https://orders.example"
SHELF_AUDIENCE: Final = "https://shelf.example"
_BOTH: Final = (ORDERS_AUDIENCE, SHELF_AUDIENCE)
_ORDER: Final = b'{"item": "tea", "quantity": 3}'
_ARRIVES_S_MAX: Final = 5.0
_COMMAND_S_MAX: Final = 30.0
_SIGNED, _OPAQUE, _LEAKED = "Token (JWT)", "Opaque token", "A signing key leaked"


class Tokens(NamedTuple):
    """Texts by what they are there to show."""

    alice: str
    elsewhere: str
    expired: str
    opaque: str
    jwk: Mapping[str, str]
    """The public key that signed them, as anybody can fetch it."""
    expire_at: int
    """When the short-lived one does, epoch seconds."""


class TokenOffice:
    """Issues and takes back, beside the server and on its database.

    Args:
        folder: where `doorward serve --dev` keeps its `.doorward/`.
        issuer: what tokens name as `iss`.
    """

    def __init__(self, folder: Path, issuer: str) -> None:
        self.folder: Final = folder
        self.issuer: Final = issuer
        self.database: Final = folder / ".doorward" / "doorward.db"

    def make_tokens(self) -> Tokens:
        """One of each."""
        keys = httpx2.get(f"{self.issuer}/.well-known/jwks.json", timeout=5).raise_for_status().json()["keys"]
        return asyncio.run(self._make(keys))

    def sign_in(self, subject: str, lifetime_s: int = 600) -> str:
        """A token as a sign-in of this moment gets it."""
        return asyncio.run(self._sign_in(subject, lifetime_s))

    def start_command(self, *arguments: str, says: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """A command line of Doorward's, as an operator types it; what it says goes to `says`."""
        return subprocess.Popen(
            [sys.executable, "-m", "doorward.cli", *arguments, "--dev"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=says,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_command(self, *arguments: str) -> str:
        """What such a command says, when it has ended."""
        running = self.start_command(*arguments, says=subprocess.PIPE)
        said, words = running.communicate(timeout=_COMMAND_S_MAX)
        if running.returncode:
            raise DemoFailed(f"doorward {arguments[0]} ended with code {running.returncode}: {words.strip()[-300:]}")
        return said

    async def _make(self, keys: Sequence[Mapping[str, str]]) -> Tokens:
        async with self._store() as store:
            alice = await issue_access_token(store, _order(_BOTH))
            elsewhere = await issue_access_token(store, _order(("https://billing.example",)))
            expired = await issue_access_token(store, _order(_BOTH, lifetime_s=1))
            opaque = await issue_opaque_token(store, _order((ORDERS_AUDIENCE,)))
            current = next(key.kid for key in await store.signing_keys.list_ring(self.issuer) if key.activated_at)
        jwk = next(key for key in keys if key["kid"] == current)
        return Tokens(alice.text, elsewhere.text, expired.text, opaque.text, jwk, expired.expires_at)

    async def _sign_in(self, subject: str, lifetime_s: int) -> str:
        async with self._store() as store:
            return (await issue_access_token(store, _order(_BOTH, subject, lifetime_s))).text

    def _store(self) -> Store:
        keys = load_master_keys(self.folder / ".doorward" / "master.key", None, entropy=secrets.token_bytes)
        return open_store(f"sqlite:///{self.database}", master_keys=keys, issuer=self.issuer)


def _order(audience: tuple[str, ...], subject: str = "alice", lifetime_s: int = 600) -> TokenOrder:
    scopes = Scopes("orders:read", "stock:read")
    return TokenOrder(client_id="web", subject=subject, audience=audience, scopes=scopes, lifetime_s=lifetime_s)


def cases_of_tokens(made: Tokens, shelf: str) -> tuple[Case, ...]:
    """What a token opens, and forgeries that open nothing; `shelf` is the URL of the service without a database."""
    orders, stock, invalid = "GET /orders", "GET /stock", "credential_invalid"
    alice, nobody = made.alice, "nobodys-key-2026"
    forged = (
        ("alg: none", without_signature(alice)),
        ("alg: NonE", without_signature(alice, "NonE")),
        ("HS256 by public PEM", with_hmac_of_pem(alice, made.jwk)),
        ("HS256 by public JWK", with_hmac_of_jwk(alice, made.jwk)),
        ("a kid of nobody", with_header(alice, kid=nobody)),
        ("another subject", with_claim(alice, sub="mallory")),
    )
    return (
        Case(_SIGNED, orders, "a token of alice", bearer(alice), 200),
        Case(_SIGNED, stock, "the same, no database", bearer(alice), 200, server=shelf),
        Case(_SIGNED, "POST /orders", "one that only reads", bearer(alice), 403, "scope_insufficient", body=_ORDER),
        Case(_SIGNED, orders, "one for elsewhere", bearer(made.elsewhere), 401, "token_audience"),
        Case(_SIGNED, orders, "an expired one", bearer(made.expired), 401, "credential_expired"),
        Case(_SIGNED, f"{orders}?access_token=…", "one in the URL", {}, 400, "credential_in_query"),
        *(Case(_SIGNED, orders, shown, bearer(token), 401, invalid) for shown, token in forged),
        *(Case(_SIGNED, stock, shown, bearer(token), 401, invalid, server=shelf) for shown, token in forged),
        Case(_OPAQUE, orders, "one of alice", bearer(made.opaque), 200),
        Case(_OPAQUE, stock, "where none are taken", bearer(made.opaque), 401, "credential_unrecognised", server=shelf),
    )


def take_back(client: httpx2.Client, office: TokenOffice, made: Tokens, shelf: str) -> tuple[list[Outcome], str]:
    """A phone is stolen; then a signing key is. Answers what came of it, and how long it took in words."""
    revoked = "credential_revoked"
    orders, stock = "GET /orders", "GET /stock"
    because = ("--because", "phone stolen")
    waiting = [
        Case(_SIGNED, orders, "revoked {} ms before", bearer(made.alice), 401, revoked),
        Case(_SIGNED, stock, "revoked {} ms before", bearer(made.alice), 401, revoked, server=shelf),
        Case(_OPAQUE, orders, "revoked {} ms before", bearer(made.opaque), 401, revoked),
    ]
    outcomes, phone_ms = _time_refusals(client, office, ("revoke", "--subject", "alice", *because), waiting)
    again = office.sign_in("alice")
    outcomes += [
        ask_case(client, Case(_SIGNED, orders, "signed in again", bearer(again), 200)),
        ask_case(client, Case(_SIGNED, stock, "signed in again", bearer(again), 200, server=shelf)),
    ]
    stolen = ("keyring", "retire", made.jwk["kid"], "--compromised", "--because", "stolen backup")
    waiting = [
        # Revoked, as long as the ring that was read before still has the key; then it is nobody's.
        Case(_LEAKED, orders, "retired {} ms before", bearer(again), 401, revoked, also="credential_invalid"),
        Case(_LEAKED, stock, "retired {} ms before", bearer(again), 401, revoked, server=shelf),
    ]
    refused, _ = _time_refusals(client, office, stolen, waiting)
    new = office.sign_in("alice")
    outcomes += [
        *refused,
        ask_case(client, Case(_LEAKED, orders, "signed by the next", bearer(new), 200)),
        ask_case(client, Case(_LEAKED, stock, "signed by the next", bearer(new), 200, server=shelf)),
    ]
    said = (
        f"What alice held was refused {phone_ms[0]} ms after one command by the API on the same\n"
        f"  database, and after {phone_ms[1]} ms by the service without one."
    )
    return outcomes, said


def _time_refusals(
    client: httpx2.Client, office: TokenOffice, command: tuple[str, ...], waiting: Sequence[Case]
) -> tuple[list[Outcome], list[int]]:
    """Run a command, and ask until every case is refused: what came of each, and after how many milliseconds."""
    with closing(sqlite3.connect(f"file:{office.database}?mode=ro", uri=True, isolation_level=None)) as feed:
        running = office.start_command(*command)
        begun = _await_row(feed, running)
    found: dict[int, tuple[Outcome, int]] = {}
    while len(found) < len(waiting):
        late = time.monotonic() - begun > _ARRIVES_S_MAX
        for at, case in enumerate(waiting):
            if at in found:
                continue
            outcome = ask_case(client, case)
            passed_ms = round((time.monotonic() - begun) * 1_000)
            if outcome.fits or late:
                named = case._replace(shown=case.shown.format(passed_ms))
                found[at] = (outcome._replace(case=named), passed_ms)
        time.sleep(0.001)
    _, words = running.communicate(timeout=_COMMAND_S_MAX)
    if running.returncode:
        raise DemoFailed(f"doorward {command[0]} ended with code {running.returncode}: {words.strip()[-300:]}")
    return [found[at][0] for at in range(len(waiting))], [found[at][1] for at in range(len(waiting))]


def _await_row(feed: sqlite3.Connection, running: subprocess.Popen[str]) -> float:
    """The last moment at which the next row of the feed was not there, on the clock of `time.monotonic`."""
    ask: Final = "SELECT coalesce(max(position), 0) FROM feed"
    (before,) = feed.execute(ask).fetchone()
    last = time.monotonic()
    while True:
        looked = time.monotonic()
        if feed.execute(ask).fetchone()[0] > before:
            return last
        if running.poll() is not None:
            raise DemoFailed(f"A command changed nothing: {(running.stderr.read() if running.stderr else '')[-300:]}")
        last = looked
        time.sleep(0.0005)
