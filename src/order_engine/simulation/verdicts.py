"""The verdicts at the end: what clients were told and processors saw, against what the store has (P1 to P5, P7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from order_engine.domain.events import VANISHED, Event, EventType
from order_engine.domain.order import Order, Status
from order_engine.domain.placement import same_content
from order_engine.domain.replay import replay, told
from order_engine.simulation.books import Books
from order_engine.simulation.deeds import Nature
from order_engine.simulation.faults import LOSING, Fault
from order_engine.simulation.passages import drive
from order_engine.simulation.record import Ending, Run
from order_engine.simulation.world import World

ENOUGH_TO_LOSE: Final = 1 / 3
"""The part of a lease that a process has to be in trouble for, if it shall be excused for having lost it."""
NEARLY: Final = 0.9
"""A run that was stopped for its time limit has lasted nearly as long at least, by whichever clock."""


class Verdicts:
    """Judges one simulation that is over."""

    def __init__(self, world: World, books: Books, natures: Mapping[str, Nature], read: Sequence[Event]) -> None:
        """Judge by `books`, and by what a reader of all events `read`."""
        self._world = world
        self._books = books
        self._natures = natures
        self._read = read
        self._runs = {(order_id, run.order.token): run for order_id, runs in world.record.runs.items() for run in runs}
        lethal = [fault for fault in LOSING if world.plan.likelihood[fault]]
        self._only_processors_kill = lethal == [Fault.PROCESSOR_KILLS]

    def judge(self) -> None:
        """Look at every order, and at what the reader got."""
        stored: Mapping[str, Order] = drive(self._world.store.get(list(self._world.record.told)))
        for order_id in self._books.histories:
            if order_id not in self._world.record.told:
                self._violate("P1", order_id, "is stored, and nobody placed it")
        for order_id, known in self._world.record.told.items():
            order = stored.get(order_id)
            if order is not None:
                if known.refused_only:
                    self._violate("P6", order_id, "is stored although its client was told that nothing was")
                self._judge_order(order)
            elif known.acknowledged is not None:
                self._violate("P1", order_id, "was acknowledged and is lost")
        self._judge_reader()

    def _judge_order(self, order: Order) -> None:
        known = self._world.record.of(order.order_id)
        history = self._books.histories[order.order_id]
        placement = known.acknowledged or known.placements[0]
        if not same_content(order, placement):
            self._violate("P4", order.order_id, "holds other content than what was placed")
            return
        try:
            rebuilt = replay(placement, history)
        except ValueError as error:
            self._violate("P3", order.order_id, f"has a history that does not replay: {error}")
            return
        if rebuilt != told(order):
            self._violate("P3", order.order_id, f"is {order}, and its history says {rebuilt}")
        if known.version > order.version:
            self._violate("P1", order.order_id, f"was told at version {known.version} and is at {order.version}")
        self._judge_status(order)
        self._judge_tokens(order, history)
        self._judge_failures(history)
        for event in history:
            self._judge_event(event)

    def _judge_status(self, order: Order) -> None:
        known = self._world.record.of(order.order_id)
        if not order.status.ended:
            self._violate("P7", order.order_id, f"has not ended: {order}")
        if known.cancelled and order.status is not Status.CANCELLED:
            self._violate("cancel", order.order_id, f"was told to be Cancelled and is {order.status}")
        if known.cancel_requested and order.status is Status.FAILED:
            self._violate("cancel", order.order_id, "was to be cancelled, and is Failed")
        if order.failure == VANISHED and self._only_processors_kill and not self._natures[order.order_id].kills:
            self._violate("P7", order.order_id, "was condemned for what its neighbours did")

    def _judge_tokens(self, order: Order, history: Sequence[Event]) -> None:
        """Tokens count the claims; each attempt has a report, or a reason for having none."""
        claims = [event for event in history if event.type is EventType.CLAIMED]
        if [event.token for event in claims] != list(range(1, len(claims) + 1)):
            self._violate("P2", order.order_id, "was not claimed under tokens 1, 2, 3 …")
        for event, following in zip(history, [*history[1:], None], strict=True):
            if event.type is not EventType.CLAIMED or following is None:
                continue
            if following.type is EventType.CLAIMED or following.reason == VANISHED:
                self._judge_vanished(event, following)

    def _judge_failures(self, history: Sequence[Event]) -> None:
        """See that a round has as many failures as it may have attempts, and not one more."""
        failures = 0
        for event in history:
            if event.type is EventType.REDRIVEN:
                failures = 0
            elif event.type is EventType.RETRIED:
                failures += 1
                if failures >= self._world.plan.options.max_attempts:
                    self._violate("P7", event.order_id, f"is tried again after {failures} failures")

    def _judge_vanished(self, claim: Event, following: Event) -> None:
        """See that an attempt without a report is one whose process, or its calls, met with something."""
        hold = self._world.holds.get((claim.order_id, claim.token or 0))
        if hold is None:
            return
        until = self._books.seen[following.order_id, following.version]
        claimant = hold.claimant
        # A drain has little time: one call that fails then may cost what it was to release.
        was_hindered = claimant.crashed or claimant.met_outage or claimant.last_fault > hold.since
        is_gone = claimant.gone_at <= until and was_hindered
        run = self._runs.get((claim.order_id, claim.token or 0))
        if is_gone or self._world.jumped_ahead(hold.since, until) or (run is not None and run.stubborn):
            return
        enough = self._world.plan.options.lease_seconds * ENOUGH_TO_LOSE
        trouble = hold.claimant.trouble_between(hold.since - 2 * self._world.plan.latency, until)
        if max(trouble, self._world.claim_troubles.get(hold.claim_id, 0.0)) < enough:
            what = f"attempt {claim.token} vanished although nothing happened to {hold.claimant.name}"
            self._violate("P7", claim.order_id, what)

    def _judge_event(self, event: Event) -> None:
        """See that what a worker reported is what its processor did."""
        run = self._runs.get((event.order_id, event.token or 0))
        if event.type is EventType.COMPLETED:
            if run is None or (run.ending is not Ending.RETURNED):
                self._violate("P2", event.order_id, f"completed under token {event.token} without having been done")
        elif event.type in {EventType.RETRIED, EventType.FAILED} and event.reason != VANISHED:
            if run is None or not self._has_failed(run):
                self._violate("P7", event.order_id, f"failed under token {event.token}, and its processor did not")
            elif run.rejected and event.type is EventType.RETRIED:
                self._violate("P7", event.order_id, f"was rejected under token {event.token}, and is tried again")
        elif event.type is EventType.RELEASED and run is not None and run.ending is Ending.RAISED:
            self._violate("P7", event.order_id, f"was released under token {event.token}, and its processor had failed")

    def _has_failed(self, run: Run) -> bool:
        if run.ending is Ending.RAISED:
            return True
        limit = self._world.plan.options.attempt_seconds
        ended = self._world.loop.time() if run.ended is None else run.ended
        return bool(limit) and ended - run.began >= limit * NEARLY

    def _judge_reader(self) -> None:
        """Who follows the cursors gets every event once, each order's in version order (P5)."""
        versions: dict[str, int] = {}
        for event in self._read:
            if event.version != versions.get(event.order_id, 0) + 1:
                before = versions.get(event.order_id, 0)
                self._violate("P5", event.order_id, f"was read at version {event.version} after {before}")
            versions[event.order_id] = event.version
        whole = {order_id: len(history) for order_id, history in self._books.histories.items()}
        if versions != whole:
            missing = [order_id for order_id, version in whole.items() if versions.get(order_id) != version]
            self._world.record.violate("P5", f"the reader of all events missed some of {missing[:5]}", *missing[:5])

    def _violate(self, promise: str, order_id: str, what: str) -> None:
        self._world.record.violate(promise, f"{order_id} {what}", order_id)
