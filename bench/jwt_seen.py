"""A token seen before: what it costs to ask again whether it has expired, its key has left, or it was taken back."""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from bench.jwt_sides import AUDIENCE, ISSUER, TokenTask, sign_tokens
from bench.measure import Line, at_least, at_most, median_interval, paired_ratios
from bench.node_libraries import NodeLibraries, node_libraries, why_no_node

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.key_set import KeySet
from doorward.keys.fixed import FixedKeys
from doorward.methods.bearer import IssuerPolicy, TokenVerifier
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.view import View
from doorward.values import FeedKind, Handle

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Verify a JWT seen before"
NOTE: Final = (
    "CPU time of one process. 1,000 tokens go round and round through `TokenVerifier`, whose view holds 100,000 "
    "revocations; each time `exp`, `nbf`, the generation of the keys, the age of the view and the feed are asked. "
    "fast-jwt 6.3.6 has a cache that asks `exp` and knows no revocation; it takes its turns in a process of its own."
)
_GATE_US: Final = 2.0
_TOKENS: Final = 1_000
_REVOKED: Final = 100_000
_CALLS: Final = 20_000
_PEER: Final = "fast-jwt's cache"


def _view(now: int) -> View:
    rows = tuple(
        FeedRow(
            position=number + 1,
            handle=Handle(FeedKind.TOKEN, secrets.token_urlsafe(16)),
            committed_at=now,
            leave_at=now + 80_000,
        )
        for number in range(_REVOKED)
    )
    view = View(max_staleness_s=86_400.0)
    whole = FeedPage(rows=rows, watermark=_REVOKED, generation="1", as_of=now, complete=True)
    while not view.apply(whole, time.monotonic()):
        pass
    return view


def _ours(task: TokenTask, tokens: list[bytes], view: View, now: int) -> Callable[[int], float]:
    policy = IssuerPolicy(
        issuer=ISSUER,
        audiences=frozenset({AUDIENCE}),
        keys=FixedKeys(KeySet([task.key.verification])),
        algorithms=frozenset({task.algorithm}),
        own=True,
    )
    verifier = TokenVerifier(policy, view=view)
    for token in tokens:
        verifier.verify_at_hand(token, now)

    def turn(calls: int) -> float:
        verify = verifier.verify_at_hand
        began = time.process_time_ns()
        for number in range(calls):
            verify(tokens[number % _TOKENS], now)
        return (time.process_time_ns() - began) / calls / 1_000

    return turn


def _turns(
    task: TokenTask, tokens: list[bytes], view: View, node: NodeLibraries | None, now: int
) -> dict[str, Callable[[int], float]]:
    sides = {"Doorward": _ours(task, tokens, view, now)}
    if node is not None:
        sides[_PEER] = partial(node.verify, _PEER, task.algorithm.value)
    for turn in sides.values():
        turn(_CALLS)
    return sides


def _lines(algorithm: Algorithm, found: dict[str, list[float]]) -> list[Line]:
    ours = median_interval(found["Doorward"])
    lines = [
        Line(
            f"{algorithm}: Doorward, a token seen before", ours.show("µs"), f"≤ {_GATE_US} µs", at_most(ours, _GATE_US)
        )
    ]
    if _PEER in found:
        ratio = paired_ratios(found, _PEER, "Doorward")
        figure = f"{median_interval(found[_PEER]).show('µs')}, {ratio.show()} times Doorward"
        lines.append(Line(f"{algorithm}: {_PEER}, without revocation", figure, "Doorward ahead", at_least(ratio, 1.0)))
    return lines


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    now = int(time.time())
    view = _view(now)
    tasks = {algorithm: TokenTask(algorithm) for algorithm in (Algorithm.ES256, Algorithm.HS256)}
    tokens = {algorithm: sign_tokens(task, _TOKENS, now) for algorithm, task in tasks.items()}
    missing = why_no_node()
    lines: list[Line] = []
    with ExitStack() as stack:
        node: NodeLibraries | None = None
        if not missing:
            seen = {
                algorithm.value: {**task.node_task(), "seen": [token.decode() for token in tokens[algorithm]]}
                for algorithm, task in tasks.items()
            }
            node = stack.enter_context(node_libraries({"issuer": ISSUER, "audience": AUDIENCE, "tokens": seen}))
        for algorithm, task in tasks.items():
            sides = _turns(task, tokens[algorithm], view, node, now)
            found: dict[str, list[float]] = {name: [] for name in sides}
            for number in range(rounds):
                for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
                    found[name].append(sides[name](_CALLS))
            lines += _lines(algorithm, found)
    if missing:
        lines.append(Line("fast-jwt's cache", f"not measured: {missing}"))
    return lines
