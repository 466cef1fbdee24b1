"""One request on its way through the phases, and what all requests of a method share.

A `Passage` is filled in by one phase after the other and never leaves `door/`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final
from weakref import WeakValueDictionary

from doorward.access import Decision, Rule
from doorward.door.admitted import NOTHING_CLAIMED, Admitted, Settlement
from doorward.door.budget import FailureBudget, SourceBudget
from doorward.door.cache import ENTRIES_MAX, Entry, RecordCache
from doorward.door.handled import Handled
from doorward.door.leases import RateSpender
from doorward.methods.contract import (
    ChecksBody,
    Method,
    Presented,
    ReadsBody,
    Resource,
    SelfContained,
    Verified,
)
from doorward.values import Clock
from doorward.wire.request import Header, RequestView

if TYPE_CHECKING:
    from doorward.door.arriving import Arriving
    from doorward.methods.claims import Claim, ClaimPort

__all__ = ["NO_DOORS", "Demand", "Lane", "Passage", "lane_of"]

NO_DOORS: Final[Mapping[Any, Admitted]] = MappingProxyType({})
"""What a request has heard of doors when it comes to its first."""

# A door lists methods of different presented and record types; each gets back what it gave.
AnyMethod = Method[Any, Any]


@final
class Lane:
    """A method with what its requests share, whichever door they come to: records, rate shares, failures."""

    __slots__ = (
        "__weakref__",
        "bearer_carried",
        "body_bytes_max",
        "budget",
        "cache",
        "checked_body_bytes_max",
        "confirming",
        "counts_use",
        "handled",
        "has_body",
        "method",
        "name",
        "plane",
        "resources",
        "spender",
    )

    def __init__(self, method: AnyMethod, monotonic: Callable[[], float]) -> None:
        self.method: Final = method
        self.name: Final = method.name
        self.bearer_carried: Final = method.bearer_carried
        self.counts_use: Final = method.counts_use
        self.plane: Final = method.plane
        self.body_bytes_max: Final = method.body_bytes_max if isinstance(method, ReadsBody) else None
        self.checked_body_bytes_max: Final = method.checked_body_bytes_max if isinstance(method, ChecksBody) else None
        # Such a request is never admitted on the short way: it would be proven there once, and then again.
        self.has_body: Final = self.body_bytes_max is not None or self.checked_body_bytes_max is not None
        more = method if isinstance(method, SelfContained) else None
        self.resources: Final[tuple[Resource, ...]] = () if more is None else more.resources
        self.confirming: Final[SelfContained[Any] | None] = more if more is not None and more.confirms else None
        entries_max = ENTRIES_MAX if more is None else more.records_max
        self.cache: Final = RecordCache(method, self.plane, entries_max=entries_max)
        self.spender: Final = None if self.plane is None else RateSpender(self.plane.rate_leases, monotonic)
        self.budget: Final = FailureBudget()
        self.handled: Final = Handled()


_lanes: "WeakValueDictionary[int, Lane]" = WeakValueDictionary()


def lane_of(method: AnyMethod, monotonic: Callable[[], float]) -> Lane:
    """The lane of a method: one for all doors that list this very object.

    Two doors with a lane each would grant a source twice its failures and ask the store twice for rate shares.
    """
    lane = _lanes.get(id(method))
    # The lane keeps its method alive, so while the lane is found the number cannot belong to another object.
    if lane is None:
        lane = _lanes[id(method)] = Lane(method, monotonic)
    return lane


@final
class Demand:
    """What a door demands: fixed when it is built."""

    __slots__ = ("bearer_carried", "budget", "clock", "lanes", "may_be_warm", "monotonic", "rule")

    def __init__(
        self,
        lanes: tuple[Lane, ...],
        *,
        rule: Rule,
        budget: FailureBudget,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self.lanes: Final = lanes
        self.rule: Final = rule
        self.budget: Final = budget
        self.clock: Final = clock
        self.monotonic: Final = monotonic
        self.bearer_carried: Final = any(lane.bearer_carried for lane in lanes)
        self.may_be_warm: Final = not all(lane.has_body for lane in lanes)


@final
class Passage:
    """See the module. `monotonic` is seconds of the process's own clock, `now` epoch seconds of the store's."""

    __slots__ = (
        "answer_headers",
        "arriving",
        "before",
        "claimed",
        "decision",
        "demand",
        "entered",
        "entry",
        "extracted",
        "has_wasted_body",
        "is_throttled",
        "lane",
        "monotonic",
        "now",
        "position",
        "presented",
        "record",
        "request",
        "settlement",
        "verified",
        "was_proven",
    )

    lane: Lane
    presented: Presented
    now: int
    record: Any  # the method's own type, handed back to it unread
    verified: Verified
    decision: Decision

    def __init__(
        self, demand: Demand, request: RequestView, monotonic: float, before: Mapping[Any, Admitted] = NO_DOORS
    ) -> None:
        self.before: Final = before
        self.demand = demand
        self.request = request
        self.monotonic = monotonic
        self.extracted: tuple[tuple[Lane, Presented], ...] = ()
        self.entry: Entry | None = None
        self.entered: SourceBudget | None = None
        self.arriving: Arriving | None = None
        self.position = 0
        self.was_proven = False
        self.is_throttled = False
        self.has_wasted_body = False
        self.answer_headers: tuple[Header, ...] = ()
        self.settlement: Settlement = NOTHING_CLAIMED
        self.claimed: tuple[ClaimPort, Claim] | None = None

    @property
    def is_proven(self) -> bool:
        """Whether the phase `verify` has passed."""
        return hasattr(self, "verified")
