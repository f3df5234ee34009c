"""Attempts in progress in this process, and their slots."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto

from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom

BUSY_FOR_LONG = 3
"""How often an order must be found locked before this is reported, since renewals and reports lock it briefly, too."""


class StopReason(Enum):
    """Why the worker stopped an attempt."""

    TIMED_OUT = auto()
    """It exceeded the time limit of an attempt."""
    CANCEL_REQUESTED = auto()
    """The client cancelled the order."""
    LEASE_EXPIRING = auto()
    """The lease could not be renewed."""
    DRAINING = auto()
    """The engine is draining and the grace time is over."""
    SUPERSEDED = auto()
    """The token is no longer current: the attempt's outcome is discarded."""


class Attempt:
    """One claim of one order, from the claim to the report."""

    __slots__ = (
        "begun",
        "busy",
        "given_up",
        "lease_until",
        "order",
        "processing",
        "started",
        "stop_reason",
        "stopped",
        "task",
    )

    def __init__(self, order: Order, started: float, lease_until: float) -> None:
        """Start at `started` with a lease until `lease_until`, both in the worker's monotonic time."""
        self.order: Order = order
        self.started: float = started
        self.lease_until: float = lease_until
        self.task: asyncio.Task[None] | None = None
        self.begun: bool = False
        """Whether the task has begun to run. A task cancelled before that would never run."""
        self.processing: bool = True
        """Whether the processor is running; afterwards, the attempt waits for the answer to its report."""
        self.stop_reason: StopReason | None = None
        self.stopped: float = 0.0
        """Time at which it was stopped, if it was."""
        self.busy: int = 0
        """How often its order was locked by another transaction."""
        self.given_up: bool = False
        """Whether the attempt must not report its own outcome, because it was superseded or does not stop."""

    @property
    def is_being_closed(self) -> bool:
        """Whether the interpreter is closing its coroutine outside of its task, after the loop was closed."""
        try:
            return asyncio.current_task() is not self.task
        except RuntimeError:
            return True

    def note_busy(self) -> bool:
        """Record that its order is locked; return whether to report this."""
        self.busy += 1
        return self.busy == BUSY_FOR_LONG

    def stop(self, reason: StopReason, now: float) -> None:
        """Cancel the processor, unless it has ended or was stopped before. A superseded attempt reports nothing."""
        if not self.processing:
            return
        if reason is StopReason.SUPERSEDED:
            self.given_up = True
        if self.stop_reason is None:
            self.stop_reason = reason
            self.stopped = now
            if self.task is not None and self.begun:
                self.task.cancel()


class Bound(Enum):
    """Reason for a limit below the number of slots."""

    RENEWALS = auto()
    """The number of leases that can be renewed in time."""
    STARTS = auto()
    """The number of attempts that can be started."""
    LOOP = auto()
    """The number of threads that do not delay the event loop."""


class OwnLeases:
    """Live view of the leases of this process, as pairs of order id and token."""

    def __init__(self, running: Mapping[tuple[str, int], Attempt]) -> None:
        """View the keys of `running`."""
        self._running = running

    def __contains__(self, lease: object) -> bool:
        """Return whether the lease is in use: by a processor, or by a pending report. Thread-safe."""
        attempt = self._running.get(lease)  # type: ignore[call-overload] # any object
        return attempt is not None and not attempt.given_up


class Attempts:
    """Attempts in progress: at most `slots`, including slots reserved for claims in progress.

    An attempt keeps its slot until its report is answered, so that no more orders are Processing than there are slots.
    """

    def __init__(self, slots: int) -> None:
        """Start with all slots free."""
        self.slots = slots
        self._bounds: dict[Bound, int] = {}
        self.limit: int = slots
        """Maximum number of attempts now: the number of slots, or less."""
        self._renewals_bound = False
        self._reserved = 0
        self._running: dict[tuple[str, int], Attempt] = {}
        self.own_leases: OwnLeases = OwnLeases(self._running)
        self._suspects: Counter[int] = Counter()
        self._limited_by_renewals = asyncio.Event()
        self._has_free_slot = asyncio.Event()
        self._has_free_slot.set()
        self._has_none = asyncio.Event()
        self._has_none.set()

    @property
    def free(self) -> int:
        """Number of orders that may be claimed now."""
        return self.limit - self._reserved - len(self._running)

    def bound(self, by: Bound) -> int:
        """Return the limit for one reason; the number of slots if it is not set."""
        return self._bounds.get(by, self.slots)

    def set_bound(self, by: Bound, limit: int) -> None:
        """Set the limit for one reason. Attempts above it continue, but no orders are claimed until it is met."""
        self._bounds[by] = min(limit, self.slots)
        self.limit = min(self._bounds.values())
        self._renewals_bound = self.bound(Bound.RENEWALS) == self.limit < self.slots
        self._update()

    def is_limited_by(self, bound: Bound) -> bool:
        """Return whether this limit currently prevents claims."""
        return self.free <= 0 and self.bound(bound) == self.limit < self.slots

    async def limited_by_renewals(self) -> None:
        """Wait until the limit by renewals prevents claims."""
        await self._limited_by_renewals.wait()

    def __len__(self) -> int:
        """Return the number of attempts."""
        return len(self._running)

    def __iter__(self) -> Iterator[Attempt]:
        """Iterate over a snapshot of the attempts."""
        return iter(list(self._running.values()))

    def find(self, order_id: str, token: int) -> Attempt | None:
        """Return the attempt with this token; None if it is not in this process."""
        return self._running.get((order_id, token))

    @property
    def suspect_room(self) -> SuspectRoom:
        """Room for suspects in this process, as needed by a claim."""
        return SuspectRoom(self.slots, self._suspects.total(), max(self._suspects, default=0))

    def reserve(self, slots: int) -> None:
        """Reserve free slots for a claim in progress."""
        self._reserved += slots
        self._update()

    def unreserve(self, slots: int) -> None:
        """Release reserved slots after the claim."""
        self._reserved -= slots
        self._update()

    def begin(self, orders: Iterable[Order], started: float, lease_until: float) -> list[Attempt]:
        """Occupy a slot for each order whose token has none yet, and return the new attempts."""
        begun: list[Attempt] = []
        for order in orders:
            key = (order.order_id, order.token)
            if order.vanished and self._continues(order, lease_until):
                continue
            if key not in self._running:
                attempt = self._running[key] = Attempt(order, started, lease_until)
                begun.append(attempt)
                if order.vanished:
                    self._suspects[order.vanished] += 1
        self._update()
        return begun

    def _continues(self, order: Order, lease_until: float) -> bool:
        """Continue a running attempt on this order under the new token; return whether there is one.

        A repository that does not support own leases may claim an order from the process that runs it, after its clock
        was set forward.
        """
        attempt = self._running.get((order.order_id, order.token - 1))
        if attempt is None or not attempt.processing or attempt.stop_reason is not None:
            return False
        self._leave(attempt)
        attempt.order, attempt.lease_until = order, lease_until
        self._running[order.order_id, order.token] = attempt
        self._suspects[order.vanished] += 1
        return True

    def leave(self, attempts: Iterable[Attempt]) -> None:
        """Remove attempts and free their slots."""
        for attempt in attempts:
            self._leave(attempt)
        self._update()

    def _leave(self, attempt: Attempt) -> None:
        order = attempt.order
        del self._running[order.order_id, order.token]
        if order.vanished:
            self._suspects[order.vanished] -= 1
            self._suspects += Counter()

    async def free_slot(self) -> None:
        """Wait for a free slot."""
        await self._has_free_slot.wait()

    async def none(self) -> None:
        """Wait until there are no attempts and no reserved slots."""
        while self._reserved or self._running:
            # In a loop: a claim releases its reservation just before its orders begin.
            await self._has_none.wait()

    def _update(self) -> None:
        free = self.free > 0
        if free is not self._has_free_slot.is_set():
            (self._has_free_slot.set if free else self._has_free_slot.clear)()
        kept = not free and self._renewals_bound
        if kept is not self._limited_by_renewals.is_set():
            (self._limited_by_renewals.set if kept else self._limited_by_renewals.clear)()
        none = not self._reserved and not self._running
        if none is not self._has_none.is_set():
            (self._has_none.set if none else self._has_none.clear)()
