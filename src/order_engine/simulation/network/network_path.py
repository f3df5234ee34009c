"""Network path between a process and the repository: a call is sent, takes effect at one time, and is answered.

Faults occur before or after the call takes effect, or crash the caller. The call takes effect even if the caller has
crashed in the meantime.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import accumulate
from math import inf
from random import Random
from typing import Any, Final, Protocol, TypeAlias

from order_engine.domain.errors import OrderEngineError, OutcomeUnknown, Unavailable
from order_engine.simulation.checks.record import Claimant
from order_engine.simulation.faults.kinds import OF_CALLS, Fault
from order_engine.simulation.loop.event_loop import wake
from order_engine.simulation.network.outages import OutageKind, Outages
from order_engine.simulation.world import World

Call: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
Answer: TypeAlias = "asyncio.Future[Any]"

WRITES: Final = frozenset({"add", "claim", "renew", "apply"})
LOST: Final = "the connection broke"
EVEN: Final = 0.5
PART_UNTIL_NEXT_TRY: Final = 1 / 5
"""Part of a lease after which an engine has retried a failed call: half a renewal interval plus a round trip."""


class Caller(Protocol):
    """Process that makes the calls."""

    name: str
    claimant: Claimant

    @property
    def draining(self) -> bool:
        """Whether it has started to drain."""
        ...

    def crash(self, fault: Fault, why: str) -> None:
        """Crash immediately."""
        ...


class NetworkPath:
    """Transmits the calls of one process."""

    def __init__(self, world: World, caller: Caller, outages: Outages, random: Random) -> None:
        """Transmit the calls of `caller`, subject to `outages`."""
        self._world = world
        self._caller = caller
        self._outages = outages
        self._random = random
        chances = [world.plan.likelihood[fault] for fault in OF_CALLS]
        self._thresholds = list(zip(accumulate(chances), OF_CALLS, strict=True))
        self._any = sum(chances)
        self._request_seconds = world.plan.options.request_seconds
        self._until_next_try = world.plan.options.lease_seconds * PART_UNTIL_NEXT_TRY

    async def carry(self, operation: str, order_ids: Sequence[str], call: Call, claim_id: str | None = None) -> Any:  # noqa: ANN401 - the call's own
        """Return what `call`, which may make the claim `claim_id`, returns, unless something strikes."""
        world = self._world
        answer: Answer = world.loop.create_future()
        if world.trace is not None:
            world.log(self._caller.name, f"{operation} {_named(order_ids)}", *order_ids)
        fault = self._draw()
        if fault is not None:
            wait = self._request_seconds * self._random.uniform(0.1, 1.5)
            self._excuse(fault, operation, wait, claim_id)
            self._world.struck(fault, self._caller.name, f"{fault}: {operation} {_named(order_ids)}", *order_ids)
            self._strike(fault, operation, wait, call, answer)
        elif (away := self._outages.of(self._caller.name)) is not None:
            self._meet(away, operation, call, answer)
        else:
            world.loop.call_as_world(
                self._arrive, call, answer, delay=self._latency() + self._extra(operation, order_ids)
            )
        try:
            return await answer
        finally:
            # Break the reference cycle between an error, this frame and its future.
            del answer

    def _extra(self, operation: str, order_ids: Sequence[str]) -> float:
        """Return the additional duration of a renewal if renewals are slow."""
        in_time = self._world.plan.renewed_in_time
        if in_time is None or operation != "renew":
            return 0.0
        self._world.fault_counts[Fault.RENEWALS_SLOW] += 1
        return len(order_ids) * self._world.plan.options.lease_seconds / 3 / in_time

    # What happens to a call

    def _draw(self) -> Fault | None:
        if self._world.faults_over or not self._any:
            return None
        drawn = self._random.random()
        if drawn >= self._any:
            return None
        return next(fault for threshold, fault in self._thresholds if drawn < threshold)

    def _meet(self, away: OutageKind, operation: str, call: Call, answer: Answer) -> None:
        """Make a call to a repository that is unavailable."""
        if away is OutageKind.TAKES_NO_CHANGES and operation not in WRITES:
            self._world.loop.call_as_world(self._arrive, call, answer, delay=self._latency())
            return
        if self._outages.unavailable_to_all:
            # An outage does not excuse a lost lease: it must not cost attempts.
            self._caller.claimant.met_outage = True
        else:
            self._trouble(self._request_seconds + self._until_next_try)
        if away is OutageKind.SWALLOWS:
            return
        error = OutcomeUnknown(LOST) if away is OutageKind.BREAKS_OFF and operation in WRITES else Unavailable(LOST)
        self._world.loop.call_as_world(_fail, answer, error, delay=self._latency())

    def _strike(self, fault: Fault, operation: str, wait: float, call: Call, answer: Answer) -> None:
        """Apply `fault` to a call; late and slow calls take `wait` seconds."""
        later = self._world.loop.call_as_world
        delay = self._latency()
        broken = OutcomeUnknown(LOST) if operation in WRITES else Unavailable(LOST)
        self._world.fault_ended(max(wait, self._request_seconds))
        if fault is Fault.CALL_FAILS:
            later(_fail, answer, Unavailable(LOST), delay=delay)
        elif fault is Fault.CALL_FORGOTTEN:
            later(_fail, answer, broken, delay=delay)
        elif fault is Fault.ANSWER_LOST:
            later(self._arrive_and_break, call, answer, broken, delay=delay)
        elif fault is Fault.CALL_SILENT:
            if self._random.random() < EVEN:
                later(self._arrive_without_answer, call, delay=delay)
        elif fault is Fault.CALL_LATE:
            later(_fail, answer, broken, delay=delay)
            later(self._arrive_without_answer, call, delay=wait)
        elif fault is Fault.CALL_SLOW:
            later(self._arrive, call, answer, delay=wait)
        else:
            self._crash_on_the_way(operation, call, answer)

    def _excuse(self, fault: Fault, operation: str, wait: float, claim_id: str | None) -> None:
        """Record for how long `fault` may prevent the caller from renewing leases.

        A renewal times out soon and is retried. A late claim may lease orders unknown to the caller. A report does not
        affect renewals.
        """
        self._caller.claimant.last_fault = self._world.loop.time() + max(wait, self._request_seconds)
        if operation == "renew":
            self._trouble(self._until_next_try)
        elif claim_id is not None:
            late = fault is Fault.CALL_LATE or wait > self._request_seconds
            seconds = inf if late else self._until_next_try
            if fault in {Fault.CALL_SILENT, Fault.CALL_SLOW}:
                seconds += self._request_seconds
            troubles = self._world.claim_troubles
            troubles[claim_id] = troubles.get(claim_id, 0.0) + seconds

    def _crash_on_the_way(self, operation: str, call: Call, answer: Answer) -> None:
        """Crash the caller before the call takes effect, before the answer, or right after it."""
        crash = partial(self._caller.crash, Fault.CRASH_IN_CALL, f"during {operation}")
        there, back = self._latency(), self._latency()
        moment = self._random.uniform(0, 2 * (there + back))
        self._world.loop.call_as_world(self._arrive, call, answer, delay=there)
        self._world.loop.call_as_world(crash, delay=moment)

    def _arrive(self, call: Call, answer: Answer) -> None:
        """Execute the call, and send the answer."""
        try:
            result = drive(call())
        except OrderEngineError as error:
            self._world.loop.call_as_world(_fail, answer, error, delay=self._latency())
        else:
            self._world.loop.call_as_world(wake, answer, result, delay=self._latency())

    def _arrive_and_break(self, call: Call, answer: Answer, error: OrderEngineError) -> None:
        self._arrive_without_answer(call)
        self._world.loop.call_as_world(_fail, answer, error, delay=self._latency())

    def _arrive_without_answer(self, call: Call) -> None:
        """Execute the call without an answer."""
        try:
            drive(call())
        except OrderEngineError:
            # The error is not transmitted.
            self._world.log(self._caller.name, "the repository refused an unanswered call")

    def _latency(self) -> float:
        return self._world.plan.latency * self._random.random()

    def _trouble(self, seconds: float) -> None:
        now = self._world.loop.time()
        self._caller.claimant.trouble(now, now + seconds)


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - the coroutine's own
    """Run a call that does not wait, since a transaction takes effect at one time."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    message = "The repository of a simulation must not wait: use `blocking` for a real database."
    raise TypeError(message)


def _fail(answer: Answer, error: OrderEngineError) -> None:
    if not answer.done():
        answer.set_exception(error)


def _named(order_ids: Sequence[str]) -> str:
    few = 4
    more = f" and {len(order_ids) - few} more" if len(order_ids) > few else ""
    return ", ".join(order_ids[:few]) + more
