"""The attempts under way in this process, and the slots that they take."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto

from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom

BUSY_FOR_LONG = 3
"""So often an order is found locked before that is reported: for a moment, renewals and reports lock it themselves."""


class StopReason(Enum):
    """Why the worker stops an attempt before its processor ends by itself."""

    TIMED_OUT = auto()
    """It took longer than an attempt may."""
    CANCEL_REQUESTED = auto()
    """The client cancelled the order."""
    LEASE_EXPIRING = auto()
    """The lease could not be renewed."""
    DRAINING = auto()
    """The engine shuts down and the grace time is over."""
    SUPERSEDED = auto()
    """The token is no longer current: nothing of this attempt counts any more."""


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
        """Begin at `started`, with a lease until `lease_until`, both by the worker's own monotonic clock."""
        self.order = order
        self.started = started
        self.lease_until = lease_until
        self.task: asyncio.Task[None] | None = None
        self.begun = False
        """Whether the task has made its first step. One that is cancelled before would never run at all."""
        self.processing = True
        """Whether the processor still runs; afterwards the attempt waits for its report to be accepted."""
        self.stop_reason: StopReason | None = None
        self.stopped = 0.0
        """When it was stopped, where it was."""
        self.busy = 0
        """How often its order was found to be locked by another transaction."""
        self.given_up = False
        """Whether somebody else reports for it, or nobody: its own report is no longer wanted."""

    @property
    def is_being_closed(self) -> bool:
        """Whether its coroutine is unwound by the interpreter, outside its task, because its loop is gone."""
        try:
            return asyncio.current_task() is not self.task
        except RuntimeError:
            return True

    def note_busy(self) -> bool:
        """Note that its order is locked; return whether that is worth a word: it was already, some time ago."""
        self.busy += 1
        return self.busy == BUSY_FOR_LONG

    def stop(self, reason: StopReason, now: float) -> None:
        """Cancel the processor, unless it has ended or was told before. A superseded attempt reports nothing."""
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
    """What may bound the attempts under way to fewer than there are slots."""

    RENEWALS = auto()
    """How many leases can be renewed in time."""
    STARTS = auto()
    """How many run where no more can be started."""
    LOOP = auto()
    """How many threads leave the event loop its turn."""


class OwnLeases:
    """The id and token of each order that an attempt here still works on: a live view, which costs nothing to make."""

    def __init__(self, running: Mapping[tuple[str, int], Attempt]) -> None:
        """Look into `running`."""
        self._running = running

    def __contains__(self, lease: object) -> bool:
        """Whether somebody works under this lease, or its report is on its way. May be asked on any thread."""
        attempt = self._running.get(lease)  # type: ignore[call-overload] # whatever is asked for
        return attempt is not None and not attempt.given_up


class Attempts:
    """All attempts under way: at most `slots`, counting those that are promised to a claim under way.

    An attempt keeps its slot until the repository has heard its report, so that no more orders are Processing than
    there are slots.
    """

    def __init__(self, slots: int) -> None:
        """Start with every slot free."""
        self.slots = slots
        self._bounds: dict[Bound, int] = {}
        self.limit = slots
        """How many attempts may be under way now: as many as there are slots, or less."""
        self._renewals_bound = False
        self._reserved = 0
        self._running: dict[tuple[str, int], Attempt] = {}
        self.own_leases = OwnLeases(self._running)
        self._suspects: Counter[int] = Counter()
        self._limited_by_renewals = asyncio.Event()
        self._has_free_slot = asyncio.Event()
        self._has_free_slot.set()
        self._has_none = asyncio.Event()
        self._has_none.set()

    @property
    def free(self) -> int:
        """The number of orders that may be claimed now."""
        return self.limit - self._reserved - len(self._running)

    def bound(self, by: Bound) -> int:
        """Return how many attempts one bound allows; as many as there are slots where it was not set."""
        return self._bounds.get(by, self.slots)

    def set_bound(self, by: Bound, limit: int) -> None:
        """Let at most so many attempts be under way. Those that are more go on; nothing is claimed meanwhile."""
        self._bounds[by] = min(limit, self.slots)
        self.limit = min(self._bounds.values())
        self._renewals_bound = self.bound(Bound.RENEWALS) == self.limit < self.slots
        self._update()

    def is_limited_by(self, bound: Bound) -> bool:
        """Whether it is this bound that keeps orders from being claimed."""
        return self.free <= 0 and self.bound(bound) == self.limit < self.slots

    async def limited_by_renewals(self) -> None:
        """Wait until the bound by renewals keeps orders from being claimed."""
        await self._limited_by_renewals.wait()

    def __len__(self) -> int:
        """Return the number of attempts."""
        return len(self._running)

    def __iter__(self) -> Iterator[Attempt]:
        """Go through the attempts as they are now."""
        return iter(list(self._running.values()))

    def find(self, order_id: str, token: int) -> Attempt | None:
        """Return the attempt under this token, if it is here."""
        return self._running.get((order_id, token))

    @property
    def suspect_room(self) -> SuspectRoom:
        """What a claim may add to the suspects that run here."""
        return SuspectRoom(self.slots, self._suspects.total(), max(self._suspects, default=0))

    def reserve(self, slots: int) -> None:
        """Keep free slots for a claim under way."""
        self._reserved += slots
        self._update()

    def unreserve(self, slots: int) -> None:
        """Give promised slots back: what was claimed has joined."""
        self._reserved -= slots
        self._update()

    def begin(self, orders: Iterable[Order], started: float, lease_until: float) -> list[Attempt]:
        """Take a slot for each order that has none under its token yet, and return the new attempts."""
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
        """Give an attempt that works on this order under the token before the new one; return whether there is one.

        A repository that knows nothing of own leases takes orders from the process that runs them, where its clock was
        set forward.
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
        """Free their slots."""
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
        """Wait until no attempt is under way, and none is promised."""
        while self._reserved or self._running:
            # Asked again: a claim's promise is redeemed the moment before its orders begin.
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
