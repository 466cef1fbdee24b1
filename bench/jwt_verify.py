"""A token not seen before: how far above the bare signature its verification is, and how it stands beside others."""

import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from typing import Final

from bench.jwt_sides import AUDIENCE, FLOOR, ISSUER, OURS, TokenTask
from bench.measure import Line, at_most, median_interval, paired_differences, paired_ratios
from bench.node_libraries import LIBRARIES, NodeLibraries, node_libraries, why_no_node

from doorward.crypto.jose.algorithms import Algorithm

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Verify a JWT not seen before"
_PEERS: Final = ("joserfc", "pyjwt", "authlib", "python-jose")
NOTE: Final = (
    "CPU time of one process and all its threads, one token after the other. An RFC 9068 token of nine claims; "
    "everybody has the key prepared, allows one algorithm, checks `iss`, `aud` and `exp`, and keeps no token. The "
    "floor is `cryptography`'s verification (HMAC: `hmac.digest` and the comparison) of the bare octets. "
    f"{', '.join(f'{name} {version(name)}' for name in _PEERS)}; Node's fast-jwt 6.3.6 and jose 6.2.18 take their "
    "turns in a process of their own. A ratio below 1 says that the other is faster; under 15 % is a tie."
)
_GATES_US: Final = {Algorithm.ES256: 10.0, Algorithm.RS256: 10.0, Algorithm.EDDSA: 10.0, Algorithm.HS256: 8.0}
_CALLS: Final = {Algorithm.ES256: 150, Algorithm.RS256: 300, Algorithm.EDDSA: 100, Algorithm.HS256: 1_500}
_NODE_WARM_CALLS: Final = 3_000
Turn = Callable[[int], float]


def _here(work: Callable[[], object]) -> Turn:
    def turn(calls: int) -> float:
        began = time.process_time_ns()
        for _ in range(calls):
            work()
        return (time.process_time_ns() - began) / calls / 1_000

    return turn


def _there(node: NodeLibraries, library: str, algorithm: Algorithm) -> Turn:
    def turn(calls: int) -> float:
        return node.verify(library, algorithm.value, calls)

    return turn


def _take_turns(sides: Mapping[str, Turn], *, rounds: int, calls: int) -> dict[str, list[float]]:
    """As `interleave`, for sides that measure themselves: some of them are in another process."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for name, turn in sides.items():
        turn(_NODE_WARM_CALLS if name.startswith("Node") else calls)
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            found[name].append(sides[name](calls))
    return found


def _lines(algorithm: Algorithm, found: dict[str, list[float]]) -> list[Line]:
    gate = _GATES_US[algorithm]
    above = paired_differences(found, OURS, FLOOR)
    lines = [
        Line(f"{algorithm}: {FLOOR}, the floor", median_interval(found[FLOOR]).show("µs")),
        Line(f"{algorithm}: {OURS}", median_interval(found[OURS]).show("µs"), f"≤ {gate:.0f} µs above the floor"),
        Line(f"{algorithm}: above the floor", above.show("µs"), f"≤ {gate:.0f} µs", at_most(above, gate)),
    ]
    for peer in found.keys() - {OURS, FLOOR}:
        figure = median_interval(found[peer])
        ratio = paired_ratios(found, peer, OURS)
        lines.append(Line(f"{algorithm}: {peer}", f"{figure.show('µs')}, {ratio.show()} times {OURS}"))
    return [*lines[:3], *sorted(lines[3:])]


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    tasks = {algorithm: TokenTask(algorithm) for algorithm in _GATES_US}
    missing = why_no_node()
    lines: list[Line] = []
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # libraries that warn of the name `EdDSA` would be measured warning
        node: NodeLibraries | None = None
        if not missing:
            tokens = {algorithm.value: task.node_task() for algorithm, task in tasks.items()}
            task: dict[str, object] = {"issuer": ISSUER, "audience": AUDIENCE, "tokens": tokens}
            node = stack.enter_context(node_libraries(task))
        for algorithm, one in tasks.items():
            sides = {name: _here(work) for name, work in one.sides().items()}
            if node is not None:
                sides |= {f"Node {library}": _there(node, library, algorithm) for library in LIBRARIES}
            lines += _lines(algorithm, _take_turns(sides, rounds=rounds, calls=_CALLS[algorithm]))
    if missing:
        lines.append(Line("Node's fast-jwt and jose", f"not measured: {missing}"))
    return lines
