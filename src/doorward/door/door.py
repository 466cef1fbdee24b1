"""A door: what a route demands, and the one way through it.

Rules of this file:

* `admit` runs the phases in order and answers `Admitted` or raises `Rejected` or `Unavailable`. There is no other
  outcome, and no other way in than `warm.py`, which asks the same of a credential that was proven before.
* Every outcome is told to the log and, when it is a failure of proof, paid for by the source.
* What was proven when a later phase refuses still speaks: the method's answer headers and the rate limit travel with
  the refusal.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from doorward.access import Rule
from doorward.door.admitted import Admitted, Settlement
from doorward.door.arriving import leave_arriving
from doorward.door.budget import FailureBudget, source_of
from doorward.door.passage import NO_DOORS, Demand, Passage, lane_of
from doorward.door.phases import PAID_OUTAGES, PHASES, PROOF_FAILURES, Run
from doorward.door.recording import record_refusal
from doorward.door.warm import admit_warm
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.contract import Method, OpenApiScheme, Resource
from doorward.methods.plane import Plane
from doorward.values import Clock, PrincipalKind, Scopes
from doorward.wire.render import STATUS_OF, Answer, render_refusal
from doorward.wire.request import Header, RequestView

__all__ = ["Admitted", "Door", "Settlement"]


class Door:
    """What a route demands.

    Args:
        methods: the ways to prove who you are that this door takes, best first (their challenges are told in this
            order). Credentials of any other kind are as good as absent.
        require: scopes the credential must hold, all of them. None: the proof is enough.
        principal_kind: the only kind of principal that passes. None: every kind.
        failure_budget: how many failures of proof a source has; None: that of the first method, shared by all doors
            that list it (20 a minute).
        clock: epoch seconds, for methods without a store; the others go by their store's clock.
        monotonic: the process's own clock, in seconds.

    Raises:
        Misconfigured: no method is listed, or one twice; or something is listed that is no method, no scopes.
    """

    def __init__(
        self,
        *methods: Method[Any, Any],  # each with its own presented and record types
        require: Scopes | None = None,
        principal_kind: PrincipalKind | None = None,
        failure_budget: FailureBudget | None = None,
        clock: Clock = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not methods:
            raise Misconfigured(
                "A door without a method admits nobody.", cure="List at least one: Door(ApiKeys(store))."
            )
        _require_kinds(methods, require)
        lanes = tuple(lane_of(method, monotonic) for method in methods)
        if len({lane.name for lane in lanes}) < len(lanes):
            raise Misconfigured("A door lists the same method twice.", cure="List each method once per door.")
        self.methods: Final = methods
        self._monotonic: Final = monotonic
        self._demand: Final = Demand(
            lanes,
            rule=Rule(require, principal_kind),
            budget=lanes[0].budget if failure_budget is None else failure_budget,
            clock=clock,
            monotonic=monotonic,
        )
        self._runs: Final[tuple[Run, ...]] = tuple(phase.run for phase in PHASES if phase.run is not None)

    @property
    def require(self) -> Scopes | None:
        """The scopes demanded."""
        return self._demand.rule.require

    @property
    def planes(self) -> tuple[Plane, ...]:
        """What the methods' stores share, each once: to be started and closed with the app."""
        planes: list[Plane] = []
        for lane in self._demand.lanes:
            if lane.plane is not None and not any(plane is lane.plane for plane in planes):
                planes.append(lane.plane)
        return tuple(planes)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What methods stand on beside their planes, each once: to be started and closed with the app."""
        resources: list[Resource] = []
        for lane in self._demand.lanes:
            for resource in lane.resources:
                if not any(resource is other for other in resources):
                    resources.append(resource)
        return tuple(resources)

    @property
    def reads_body(self) -> bool:
        """Whether the body is part of the proof for any method: then nothing may read it before this door has."""
        return any(lane.has_body for lane in self._demand.lanes)

    def challenges(self, request: RequestView | None = None) -> tuple[bytes, ...]:
        """`WWW-Authenticate` challenges for a request, best method first, each once."""
        return tuple(dict.fromkeys(line for method in self.methods for line in method.challenges(request)))

    def openapi_schemes(self) -> Iterator[OpenApiScheme]:
        """Security schemes, alternatives of each other."""
        for method in self.methods:
            yield from method.openapi_schemes()

    async def admit(self, request: RequestView, before: Mapping[Any, Admitted] = NO_DOORS) -> Admitted:
        """Let a request through.

        Args:
            request: the request.
            before: by door, what earlier doors have said to this very request: what it has claimed there it holds.

        Raises:
            Rejected: with what every answer to this credential carries, once it is proven.
            Unavailable: the store or the view of revocations cannot be relied on.
        """
        monotonic = self._monotonic()
        warm = admit_warm(self._demand, request, monotonic)
        if warm is not None:
            return warm
        passage = Passage(self._demand, request, monotonic, before)
        failed = False
        try:
            for run in self._runs:
                waiting = run(passage)
                if waiting is not None:
                    await waiting
        except Rejected as refused:
            failed = (refused.code in PROOF_FAILURES or passage.has_wasted_body) and not passage.was_proven
            record_refusal(passage, refused.code)
            if failed and passage.entered is None:
                self._pay(passage)
            raise _with_headers(refused, passage.answer_headers) from None
        except Unavailable as unavailable:
            # A body was read for a sender whose secrets cannot be used: free, it would be a way to have bodies read.
            failed = unavailable.code in PAID_OUTAGES
            record_refusal(passage, unavailable.code)
            raise
        finally:
            self._leave(passage, failed=failed)
        return Admitted(
            passage.verified.principal,
            passage.decision,
            passage.answer_headers,
            passage.settlement,
            claimed=passage.claimed,
        )

    def _leave(self, passage: Passage, *, failed: bool) -> None:
        if passage.arriving is not None:
            leave_arriving(passage.arriving)
        if passage.entered is not None:
            self._demand.budget.leave(passage.entered, failed=failed)

    def _pay(self, passage: Passage) -> None:
        budget = self._demand.budget
        source = source_of(passage.request.client)
        if passage.entry is not None or passage.is_throttled:
            # A wrong secret for a warm id costs no load, but a source that has no failures left is told what it is
            # told for an unknown id: otherwise the answer says which ids exist (invariant 3).
            budget.require(source, passage.monotonic)
        budget.fail(source, passage.monotonic)

    async def start(self) -> None:
        """Open the stores, load the views and fetch the keys, in the loop that serves. Idempotent; `admit` does what
        it needs of it when nobody has.

        Raises:
            Misconfigured: a store that cannot be used as it is.
            Unavailable: a store, or an issuer's keys, that cannot be reached.
        """
        for plane in self.planes:
            await plane.start()
        for resource in self.resources:
            await resource.start()

    async def aclose(self) -> None:
        """Give back unspent rate shares, flush what was counted and logged, close the stores. Idempotent."""
        for lane in self._demand.lanes:
            if lane.spender is not None and lane.plane is not None and lane.plane.started:
                await lane.spender.aclose()
        # Keys may live in a store: they go first.
        for resource in self.resources:
            await resource.aclose()
        for plane in self.planes:
            await plane.aclose()

    def refuse(self, error: Rejected | Unavailable, request: RequestView | None = None) -> Answer:
        """The refusal as an HTTP answer, with this door's challenges for the request that is refused."""
        challenges = self.challenges(request)
        if not challenges and STATUS_OF[error.code] == 401:
            # A 401 must say how to do better (RFC 9110 section 15.5.2); nothing this door takes may come this way.
            error = Rejected("credential_insecure_transport", error.detail)
        return render_refusal(error, challenges=challenges)


def _require_kinds(methods: tuple[object, ...], require: object) -> None:
    """Say what to write instead: whoever runs no type checker would meet an AttributeError at the first request."""
    for method in methods:
        if not hasattr(method, "bearer_carried"):
            raise Misconfigured(
                f"A door lists a {type(method).__name__}, which is no method.",
                cure='List methods over a store: Door(ApiKeys(open_store("sqlite:///doorward.db"))).',
            )
    if not isinstance(require, Scopes | None):
        raise Misconfigured(
            f"A door requires a {type(require).__name__}, which names no scopes.",
            cure='Write require=Scopes("orders:read").',
        )


def _with_headers(refused: Rejected, answer_headers: tuple[Header, ...]) -> Rejected:
    if not answer_headers:
        return refused
    return Rejected(
        refused.code,
        refused.detail,
        retry_after_s=refused.retry_after_s,
        missing_scopes=refused.missing_scopes,
        answer_headers=(*answer_headers, *(line for line in refused.answer_headers if line not in answer_headers)),
    )
