"""Worker: runs the processor, one attempt per claim, and reports the outcome of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Sequence

from order_engine.application.context import EngineContext
from order_engine.application.doorbell import Doorbell
from order_engine.application.retry_policy import RetryPolicy, failure_reason
from order_engine.application.time_limits import ended_within
from order_engine.application.waiters import Waiters
from order_engine.application.worker.attempts import Attempt, Attempts, StopReason
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.application.worker.claimer import Claimer
from order_engine.application.worker.leases import Leases
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from order_engine.application.worker.processors import as_coroutine, finish
from order_engine.application.worker.renewal_capacity import InFlight, RenewalCapacity
from order_engine.application.worker.reporter import Report, Reporter
from order_engine.application.worker.start_failures import StartFailures
from order_engine.application.worker.starter import Starter
from order_engine.application.worker.thread_limit import INITIAL_LIMIT as INITIAL_THREAD_LIMIT
from order_engine.application.worker.thread_limit import ThreadLimit
from order_engine.application.worker.threads import Threads
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import AttemptNotStarted
from order_engine.domain.order import LifecycleState, Order, Status
from order_engine.ports.observer import AttemptFailed, AttemptsVanished, ProcessorStuck
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine.ports.repository import Applied, Claimed

TURNS_TO_END = 3
LONGEST_STOP_AT_DRAIN = 1.0
"""Seconds that a processor has to stop after the grace time, before its order is released."""


class Worker:
    """Processes as many orders at once as there are slots."""

    def __init__(
        self,
        context: EngineContext,
        waiters: Waiters,
        doorbell: Doorbell,
        processor: OrderProcessor | PlainProcessor,
    ) -> None:
        """Run `processor`; notify `waiters` of ended orders, and announce released orders by `doorbell`."""
        options = context.options
        is_threaded = not is_coroutine_processor(processor)
        slots = min(options.concurrency, options.threads) if is_threaded else options.concurrency
        self._context = context
        self._waiters = waiters
        self._doorbell = doorbell
        self._threads = Threads()
        self._processor = as_coroutine(processor, self._threads)
        self._policy = RetryPolicy(options.max_attempts, options.backoff_seconds, options.backoff_cap_seconds)
        self._attempts = Attempts(slots)
        self._reporter = Reporter(context, self._reported)
        self._claimer = Claimer(context, self._attempts, self._start_claimed)
        self._starter = Starter(context.clock, self._run, self._not_started)
        reserve = self._threads.reserve if is_threaded else None
        self._start_failures = StartFailures(context, self._attempts, reserve, self._claimer.slot_freed)
        self._thread_limit: ThreadLimit | None = None
        if is_threaded and slots > INITIAL_THREAD_LIMIT:
            self._thread_limit = ThreadLimit(self._attempts, context.clock, self._claimer.slot_freed)
        self._grace_is_over = False
        self._is_abandoned = False
        self._capacity = RenewalCapacity(
            self._attempts,
            context.clock,
            context.observer,
            context.renewal_seconds,
            self._claimer.slot_freed,
        )
        self._leases = Leases(context, self._attempts, self._capacity, self._give_up)

    def loops(self) -> Iterable[Coroutine[object, object, object]]:
        """Return the coroutines that the engine must run in tasks of their own."""
        loops: list[Coroutine[object, object, object]] = [
            self._reporter.batcher.run(),
            self._reporter.batcher.busy.run(),
            self._claimer.run(),
            self._claimer.poll(),
            self._claimer.listen(),
            self._leases.renew(),
            self._leases.watch(),
            self._start_failures.run(),
        ]
        if self._thread_limit is not None:
            loops.append(self._thread_limit.run())
        return loops

    @property
    def in_flight(self) -> InFlight:
        """Number of orders in progress and its limit."""
        return self._capacity.in_flight

    @property
    def can_start(self) -> bool:
        """Whether attempts can start, as far as is known."""
        return not self._start_failures.exhausted

    # Orders that are born claimed

    def reserve_slots(self, orders: int) -> ClaimSlots | None:
        """Return a context that reserves slots for orders about to be placed; None if there are none.

        While older orders wait, the slots of one claim are kept free for them. Keeping all slots free would make every
        order wait under continuous load, since newly placed orders would wait next.
        """
        kept = self._context.options.batch_orders if self._claimer.backlog else 0
        slots = min(orders, self._attempts.free - kept)
        if slots <= 0 or self._claimer.stopped:
            return None
        return self._claimer.reserve(self._claimer.terms(slots))

    def start_reserved(self, slots: ClaimSlots, orders: Iterable[Order]) -> None:
        """Start the orders that were born claimed on the terms of `slots`."""
        slots.release()
        self._start(orders, slots.asked)

    def note_backlog(self) -> None:
        """Record that orders wait in the repository."""
        self._claimer.note_backlog()

    def cancel_requested(self, order: Order) -> None:
        """Stop the processor of `order` immediately, if it runs in this process."""
        attempt = self._attempts.find(order.order_id, order.token)
        if attempt is not None:
            attempt.stop(StopReason.CANCEL_REQUESTED, self._context.clock.monotonic())

    # Draining

    def stop_claiming(self) -> None:
        """Claim no further orders."""
        self._claimer.stop()

    async def drain(self, grace_seconds: float) -> None:
        """Let attempts finish within the grace time, then stop them and release the remaining orders (P9)."""
        if not await self._within(grace_seconds, self._attempts.none()):
            await self._stop_what_is_left()
        # A processor that was given up may end before its report is answered.
        await self._within(self._context.options.request_seconds, self._reporter.batcher.idle())

    async def _stop_what_is_left(self) -> None:
        """Stop all attempts, and give up those that do not stop in time."""
        self._grace_is_over = True
        now = self._context.clock.monotonic()
        for attempt in self._attempts:
            attempt.stop(StopReason.DRAINING, now)
        longest = min(self._context.options.stop_seconds, LONGEST_STOP_AT_DRAIN)
        if not await self._within(longest, self._attempts.none()):
            for attempt in self._attempts:
                if attempt.processing and not attempt.given_up:
                    self._give_up(attempt)

    def cancel_attempts(self) -> None:
        """Cancel all remaining attempts without reporting them."""
        self._is_abandoned = True
        for attempt in self._attempts:
            if attempt.task is not None:
                attempt.task.cancel()

    async def abandon(self) -> None:
        """Cancel the remaining attempts once more when the engine stops.

        Tasks that handle their cancellation end in the next iterations of the loop; the others are abandoned.
        """
        self.cancel_attempts()
        for _ in range(TURNS_TO_END):
            await self._context.clock.sleep(0)
        self._threads.close()

    async def _within(self, seconds: float, awaitable: Awaitable[None]) -> bool:
        return await ended_within(self._context.clock, seconds, awaitable)

    # Attempts

    def _start_claimed(self, claimed: Claimed, asked: float) -> None:
        for order in claimed.ended:
            self._waiters.check_soon(order.order_id)
            if order.status is Status.FAILED:
                self._context.observer.observe(AttemptsVanished(order))
        self._start(claimed.orders, asked)

    def _start(self, orders: Iterable[Order], asked: float) -> None:
        """Start an attempt on each order. Leases are counted from the time of the request."""
        now = self._context.clock.monotonic()
        lease_until = asked + self._context.options.lease_seconds
        begun = self._attempts.begin(orders, now, lease_until)
        if reason := self._too_late(lease_until, now):
            for attempt in begun:
                attempt.stop(reason, now)
        self._starter.start(begun)

    def _too_late(self, lease_until: float, now: float) -> StopReason | None:
        """Return why a claim was answered too late to start its orders; None if it was not."""
        if self._grace_is_over:
            return StopReason.DRAINING
        return StopReason.LEASE_EXPIRING if self._leases.ends_soon(lease_until, now) else None

    async def _run(self, attempt: Attempt) -> None:
        """Run the processor. Any error that it raises is the outcome of the attempt."""
        error: BaseException | None = None
        try:
            if not self._starter.may_begin():
                attempt.started = await self._starter.turn()
            attempt.begun = True
            if attempt.stop_reason is None:
                result = await self._processor(attempt.order)
                if result is not None:
                    await finish(result)
            else:
                error = asyncio.CancelledError()
        except BaseException as raised:
            if self._is_abandoned or attempt.is_being_closed:
                # Reporting is no longer possible, and the cancellation comes from outside.
                self._leave([attempt])
                raise
            error = raised
        attempt.processing = False
        try:
            command = None if attempt.given_up else self._report(attempt, error)
            if command is not None and command.reason is not None:
                self._observe_failure(attempt, command, error)
        except BaseException:
            self._leave([attempt])
            raise
        finally:
            # Break the reference cycle between the traceback and this frame.
            del error
        if command is None:
            self._leave([attempt])
        else:
            self._reporter.report(attempt, command)

    def _not_started(self, attempt: Attempt, error: Exception) -> None:
        """Release the order of an attempt for which no task could be created."""
        attempt.processing = False
        message = f"Cannot start a task for the processor: {failure_reason(error)}."
        self._reporter.report(attempt, self._report(attempt, AttemptNotStarted(message)))

    def _reported(self, reports: Sequence[Report], answers: Sequence[Applied | None]) -> None:
        """Free slots, unless occupied by a processor that was given up, and notify waiters of ended orders."""
        self._leave([report.attempt for report in reports if not report.attempt.given_up])
        for report, applied in zip(reports, answers, strict=True):
            command = report.command
            order = applied.order if applied is not None else None
            if order is None or order.status.ended:
                self._waiters.check_soon(command.order_id)
            if command.action is Action.RELEASE and (order is None or order.state is LifecycleState.WAITING):
                self._doorbell.ring([command.order_id])

    def _leave(self, attempts: Sequence[Attempt]) -> None:
        self._attempts.leave(attempts)
        if any(attempt.order.vanished for attempt in attempts):
            # The end of a suspect makes room for another that a claim may have skipped.
            self._claimer.note_backlog()
        self._claimer.slot_freed()

    def _report(self, attempt: Attempt, error: BaseException | None) -> Command:
        """Return the report for an attempt whose processor returned (no error) or raised."""
        order = attempt.order
        if error is None:
            return Command(order.order_id, Action.COMPLETE, token=order.token)
        if isinstance(error, AttemptNotStarted):
            self._start_failures.note(error)
            return Command(order.order_id, Action.RELEASE, token=order.token)
        if attempt.stop_reason is None:
            return self._policy.after_failure(order, error, self._context.random)
        return self._report_on_stopped(attempt)

    def _report_on_stopped(self, attempt: Attempt) -> Command:
        """Return the report for a stopped attempt: only exceeding the time limit counts as a failure."""
        order = attempt.order
        if attempt.stop_reason is StopReason.TIMED_OUT:
            limit = self._context.options.attempt_seconds
            overdue = TimeoutError(f"the attempt took longer than {limit:g} s")
            return self._policy.after_failure(order, overdue, self._context.random)
        return Command(order.order_id, Action.RELEASE, token=order.token)

    def _give_up(self, attempt: Attempt) -> None:
        """Report an attempt whose processor does not stop. It occupies its slot until it returns."""
        attempt.given_up = True
        order = attempt.order
        self._context.observer.observe(ProcessorStuck(order.order_id, order.token))
        command = self._report_on_stopped(attempt)
        if command.reason is not None:
            self._observe_failure(attempt, command, None)
        self._reporter.report(attempt, command)

    def _observe_failure(self, attempt: Attempt, command: Command, error: BaseException | None) -> None:
        seconds = self._context.clock.monotonic() - attempt.started
        self._context.observer.observe(AttemptFailed(attempt.order, command, error, seconds))
