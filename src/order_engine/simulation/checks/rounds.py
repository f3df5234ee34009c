"""What the history of one order may say of its attempts: how many there were, how each ended, and why one more began.

Every attempt has a token and a number, ends with a report or with a reason for having none, and says what its processor
did. A round ends as Failed when what it may take is spent, and not before (P2, P7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from order_engine.domain.events import VANISHED, Event, EventType
from order_engine.simulation.checks.record import Claimant, Run, RunEnd
from order_engine.simulation.world import LeaseRecord, World

LEASES_TO_LEARN: Final = 4
"""In so many leases a process has measured how fast its repository renews them, and lost what it had too much."""
PART_TO_LOSE: Final = 1 / 4
"""Of the leases that are renewed in time: so many may be lost later, where a larger call is tried in vain."""
ENOUGH_TO_LOSE: Final = 1 / 3
"""The part of a lease that a process has to be in trouble for, if it shall be excused for having lost it."""
OVERDUE: Final = "TimeoutError"
"""How the reason begins where not the processor raised, but its time was up."""


class Rounds:
    """Follows the rounds of one order after the other."""

    def __init__(self, world: World, seen: dict[tuple[str, int], float]) -> None:
        """Judge by what the world saw; `seen`: when each event was there at the latest, by order and version."""
        self._world = world
        self._seen = seen
        self._runs = {(order_id, run.order.token): run for order_id, runs in world.record.runs.items() for run in runs}
        self._max_attempts = world.plan.options.max_attempts
        self._max_deliveries = world.plan.options.max_deliveries
        self._released: Counter[Claimant] = Counter()
        """What each process has given back for no reason that was seen."""

    def judge(self, history: Sequence[Event]) -> None:
        """Go through one order's events."""
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
        """Tokens count the claims, attempts those of the round that were not released; both caps leave room for one."""
        self._claims += 1
        self._attempts += 1
        if event.token != self._claims:
            self._violate("P2", event.order_id, f"was claimed under token {event.token}, being claim {self._claims}")
        if event.attempt != self._attempts:
            self._violate("P2", event.order_id, f"was claimed as attempt {event.attempt} instead of {self._attempts}")
        if self._failures >= self._max_attempts:
            self._violate("P7", event.order_id, f"is tried again after {self._failures} failures")
        if self._vanished >= self._max_deliveries:
            self._violate("P7", event.order_id, f"is tried again after {self._vanished} attempts that vanished")
        run = self._runs.get((event.order_id, event.token or 0))
        if run is not None and (run.order.attempt, run.order.round) != (self._attempts, self._redrives + 1):
            known = f"attempt {run.order.attempt} of round {run.order.round}"
            is_in_truth = f"attempt {self._attempts} of round {self._redrives + 1}"
            self._violate("P2", event.order_id, f"was run as {known}, which is {is_in_truth}")

    def _judge_end(self, event: Event, claim: Event | None) -> None:
        """See that an attempt ended as its processor did, and a round not before its time."""
        if event.reason == VANISHED:
            self._vanished += 1
            if claim is not None:
                self._judge_vanished(claim, event)
            if event.type is EventType.FAILED and self._vanished < self._max_deliveries:
                self._violate("P7", event.order_id, f"is given up after {self._vanished} attempts that vanished")
            return
        run = self._runs.get((event.order_id, event.token or 0))
        if event.type is EventType.COMPLETED:
            if run is None or run.ending is not RunEnd.RETURNED:
                self._violate("P2", event.order_id, f"completed under token {event.token} without having been done")
        elif event.type is EventType.RELEASED:
            self._attempts -= 1
            self._judge_release(event, run)
        elif event.type is not EventType.CANCELLED:
            self._failures += 1
            self._judge_failure(event, run)

    def _judge_redrives(self, order_id: str) -> None:
        """See that nobody's redrive happened twice, whatever became of its answers."""
        tries = self._world.record.of(order_id).redriven
        if self._redrives > tries:
            self._violate("redrive", order_id, f"was redriven {self._redrives} times at {tries} tries")

    # Failures

    def _judge_failure(self, event: Event, run: Run | None) -> None:
        order_id, token = event.order_id, event.token
        if run is None or not self._has_failed(run):
            self._violate("P7", order_id, f"failed under token {token}, and its processor did not")
            return
        if not self._is_its_reason(event.reason or "", run):
            said = run.raised or OVERDUE
            self._violate("reasons", order_id, f"failed under token {token} by {event.reason!r}, where it was {said}")
        if event.type is EventType.RETRIED:
            if run.rejected and not self._was_overdue(run):
                self._violate("P7", order_id, f"was rejected under token {token}, and is tried again")
        elif self._failures < self._max_attempts and not run.rejected:
            self._violate("P7", order_id, f"is given up after {self._failures} failures")

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
        """See that a process gave an order back for a reason: it drained, or something kept it from its leases."""
        order_id, token = event.order_id, event.token or 0
        if run is not None and run.ending is RunEnd.RAISED and not run.stopped:
            self._violate("P7", order_id, f"was released under token {token}, and its processor had failed")
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
            self._violate("P7", order_id, f"was released under token {token} by {claimant.name} for no reason")

    def _judge_vanished(self, claim: Event, following: Event) -> None:
        """See that an attempt without a report is one whose process, or its calls, met with something."""
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
            what = f"attempt {claim.token} vanished although nothing happened to {claimant.name}"
            self._violate("P7", claim.order_id, what)

    def _was_learning(self, hold: LeaseRecord) -> bool:
        """Whether a process could not know yet that its repository is too slow to renew one more lease."""
        plan = self._world.plan
        learnt = hold.claimant.full_since + LEASES_TO_LEARN * plan.options.lease_seconds
        return plan.renewed_in_time is not None and hold.since < learnt

    def _locked_seconds(self, event: Event, since: float) -> float:
        """Return for how long the order of an event was locked by a stranger from a moment until then."""
        return self._world.locks.seconds_between(event.order_id, since, self._seen[event.order_id, event.version])

    def _violate(self, promise: str, order_id: str, what: str) -> None:
        self._world.record.violate(promise, f"{order_id} {what}", order_id)


def _is_gone(claimant: Claimant, since: float, until: float, locked: float) -> bool:
    """Whether its process ended, and not in peace."""
    # A drain has little time: one call that fails then may cost what it was to release, and so may a lock.
    was_hindered = claimant.crashed or claimant.met_outage or claimant.last_fault > since or locked > 0
    return claimant.gone_at <= until and was_hindered
