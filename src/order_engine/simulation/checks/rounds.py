"""Check of the attempts in an order's history: their numbers, their ends, and the reasons for further attempts.

Every attempt has a token and a number, and ends with a report that matches its processor, or vanishes for a reason. A
round ends as Failed when its attempts or deliveries are exhausted, and not before (P2, P7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from order_engine.domain.events import VANISHED, Event, EventType
from order_engine.simulation.checks.record import Claimant, Run, RunEnd
from order_engine.simulation.world import LeaseRecord, World

LEASES_TO_LEARN: Final = 4
"""Lease durations after which a process has measured the speed of renewals and has no more orders than it can renew."""
PART_TO_LOSE: Final = 1 / 4
"""Part of the leases that can be renewed in time that may be lost later, when a larger call is tried and fails."""
ENOUGH_TO_LOSE: Final = 1 / 3
"""Part of a lease for which faults must have lasted to justify its loss."""
OVERDUE: Final = "TimeoutError"
"""Prefix of the reason of an attempt that exceeded its time limit."""


class Rounds:
    """Checks the rounds of orders."""

    def __init__(self, world: World, seen: dict[tuple[str, int], float]) -> None:
        """Check against the record of `world`; `seen` is the time at which each event was first seen."""
        self._world = world
        self._seen = seen
        self._runs = {(order_id, run.order.token): run for order_id, runs in world.record.runs.items() for run in runs}
        self._max_attempts = world.plan.options.max_attempts
        self._max_deliveries = world.plan.options.max_deliveries
        self._released: Counter[Claimant] = Counter()
        """Number of orders released by each process without an observed reason."""

    def judge(self, history: Sequence[Event]) -> None:
        """Check one order's events."""
        self._claims = 0
        self._redrives = 0
        self._begin_round()
        open_claim: Event | None = None
        for event in history:
            kind = event.type
            if kind is EventType.CLAIMED:
                if open_claim is not None:
                    self._vanished += 1
                    self._judge_vanished(open_claim, event)
                open_claim = event
                self._judge_claim(event)
            elif kind is EventType.REDRIVEN:
                self._redrives += 1
                self._begin_round()
            elif kind is not EventType.PLACED and kind is not EventType.CANCEL_REQUESTED:
                self._judge_end(event, open_claim)
                open_claim = None
        if self._redrives:
            self._judge_redrives(history[0].order_id)

    def _begin_round(self) -> None:
        self._attempts = self._failures = self._vanished = 0

    def _judge_claim(self, event: Event) -> None:
        """Check token and attempt number, and that neither attempts nor deliveries were exhausted."""
        self._claims += 1
        self._attempts += 1
        if event.token != self._claims:
            self._violate("P2", event.order_id, f"has token {event.token} in claim {self._claims}")
        if event.attempt != self._attempts:
            self._violate("P2", event.order_id, f"was claimed as attempt {event.attempt} instead of {self._attempts}")
        if self._failures >= self._max_attempts:
            self._violate("P7", event.order_id, f"is retried after {self._failures} failures")
        if self._vanished >= self._max_deliveries:
            self._violate("P7", event.order_id, f"is retried after {self._vanished} vanished attempts")
        run = self._runs.get((event.order_id, event.token or 0))
        if run is not None and (run.order.attempt, run.order.round) != (self._attempts, self._redrives + 1):
            known = f"attempt {run.order.attempt} of round {run.order.round}"
            is_in_truth = f"attempt {self._attempts} of round {self._redrives + 1}"
            self._violate("P2", event.order_id, f"was run as {known}, which is {is_in_truth}")

    def _judge_end(self, event: Event, claim: Event | None) -> None:
        """Check that an attempt ended as its processor did, and that the round did not end early."""
        if event.reason == VANISHED:
            self._vanished += 1
            if claim is not None:
                self._judge_vanished(claim, event)
            if event.type is EventType.FAILED and self._vanished < self._max_deliveries:
                self._violate("P7", event.order_id, f"is Failed after {self._vanished} vanished attempts")
            return
        run = self._runs.get((event.order_id, event.token or 0))
        if event.type is EventType.COMPLETED:
            if run is None or run.ending is not RunEnd.RETURNED:
                self._violate("P2", event.order_id, f"completed with token {event.token} without having been processed")
        elif event.type is EventType.RELEASED:
            self._attempts -= 1
            self._judge_release(event, run)
        elif event.type is not EventType.CANCELLED:
            self._failures += 1
            self._judge_failure(event, run)

    def _judge_redrives(self, order_id: str) -> None:
        """Check that no redrive took effect twice, even if its answer was lost."""
        tries = self._world.record.of(order_id).redriven
        if self._redrives > tries:
            self._violate("redrive", order_id, f"was redriven {self._redrives} times in {tries} calls")

    # Failures

    def _judge_failure(self, event: Event, run: Run | None) -> None:
        order_id, token = event.order_id, event.token
        if run is None or not self._has_failed(run):
            self._violate("P7", order_id, f"failed with token {token} although its processor did not")
            return
        if not self._is_its_reason(event.reason or "", run):
            said = run.raised or OVERDUE
            self._violate("reasons", order_id, f"failed with token {token} and reason {event.reason!r}, not {said}")
        if event.type is EventType.RETRIED:
            if run.rejected and not self._was_overdue(run):
                self._violate("P7", order_id, f"was rejected with token {token} and is retried")
        elif self._failures < self._max_attempts and not run.rejected:
            self._violate("P7", order_id, f"is Failed after {self._failures} failures")

    def _is_its_reason(self, reason: str, run: Run) -> bool:
        if run.raised is not None and reason.startswith(run.raised):
            return True
        return reason.startswith(OVERDUE) and self._was_overdue(run)

    def _has_failed(self, run: Run) -> bool:
        return run.ending is RunEnd.RAISED or self._was_overdue(run)

    def _was_overdue(self, run: Run) -> bool:
        return run.was_overdue(self._world.plan.options.attempt_seconds, self._world.loop.time())

    # Attempts that came to nothing

    def _judge_release(self, event: Event, run: Run | None) -> None:
        """Check that a process released an order for a reason: it drained, or a fault prevented renewals."""
        order_id, token = event.order_id, event.token or 0
        if run is not None and run.ending is RunEnd.RAISED and not run.stopped:
            self._violate("P7", order_id, f"was released with token {token} although its processor failed")
            return
        hold = self._world.leases.get((order_id, token))
        if hold is None or hold.claim_id in self._world.claim_troubles or self._was_learning(hold):
            return
        if self._locked_seconds(event, hold.since):
            return
        claimant, until = hold.claimant, self._seen[order_id, event.version]
        if claimant.leaves_since <= until or claimant.met_outage or claimant.was_paused_since(hold.since):
            return
        since = hold.since - 2 * self._world.plan.latency - self._world.plan.options.lease_seconds
        if claimant.last_fault >= since or claimant.trouble_between(since, until):
            return
        self._released[claimant] += 1
        if self._released[claimant] > (self._world.plan.renewed_in_time or 0) * PART_TO_LOSE:
            self._violate("P7", order_id, f"was released with token {token} by {claimant.name} without a reason")

    def _judge_vanished(self, claim: Event, following: Event) -> None:
        """Check that a vanished attempt was caused by a fault of its process or its calls."""
        hold = self._world.leases.get((claim.order_id, claim.token or 0))
        if hold is None or self._was_learning(hold):
            return
        until = self._seen[following.order_id, following.version]
        claimant = hold.claimant
        run = self._runs.get((claim.order_id, claim.token or 0))
        locked = self._locked_seconds(following, hold.since)
        if _is_gone(claimant, hold.since, until, locked) or self._world.jumped_ahead(hold.since, until):
            return
        if run is not None and run.stubborn:
            return
        enough = self._world.plan.options.lease_seconds * ENOUGH_TO_LOSE
        trouble = claimant.trouble_between(hold.since - 2 * self._world.plan.latency, until)
        if max(trouble + locked, self._world.claim_troubles.get(hold.claim_id, 0.0)) < enough:
            what = f"attempt with token {claim.token} vanished without a fault of {claimant.name}"
            self._violate("P7", claim.order_id, what)

    def _was_learning(self, hold: LeaseRecord) -> bool:
        """Return whether the process could not know yet how many leases its repository can renew."""
        plan = self._world.plan
        learnt = hold.claimant.full_since + LEASES_TO_LEARN * plan.options.lease_seconds
        return plan.renewed_in_time is not None and hold.since < learnt

    def _locked_seconds(self, event: Event, since: float) -> float:
        """Return for how long the order of an event was locked by other transactions since a given time."""
        return self._world.locks.seconds_between(event.order_id, since, self._seen[event.order_id, event.version])

    def _violate(self, promise: str, order_id: str, what: str) -> None:
        self._world.record.violate(promise, f"{order_id} {what}", order_id)


def _is_gone(claimant: Claimant, since: float, until: float, locked: float) -> bool:
    """Return whether the process ended other than by an undisturbed drain."""
    # A drain has little time: a failed call or a lock may prevent a release.
    was_hindered = claimant.crashed or claimant.met_outage or claimant.last_fault > since or locked > 0
    return claimant.gone_at <= until and was_hindered
