"""Planted bugs in draining and ending."""

from __future__ import annotations

import pytest

from order_engine import Order, OrderEngine
from order_engine.application.worker import worker
from order_engine.application.worker.attempts import StopReason
from order_engine.application.worker.worker import Worker
from tests.unit.application import planted as others
from tests.unit.simulation.planted import ENDS, ENDS_AMONG_CANCELS, ENDS_IN_TROUBLE, found

found("P9", within=20, where=ENDS)(others.claims_while_draining)
found("P9", within=40, where=ENDS)(others.leaves_leases_to_lapse)
found("every call is answered", within=60, where=ENDS_IN_TROUBLE)(others.waiters_are_left_behind)


@found("P9", within=20, where=ENDS)
def stays_ready(patch: pytest.MonkeyPatch) -> None:
    """Say that the engine is ready although it drains."""
    patch.setattr(OrderEngine, "ready", property(lambda self: not self._context.availability.unavailable))


@found("P9", within=20, where=ENDS_AMONG_CANCELS)
def refuses_actions_while_draining(patch: pytest.MonkeyPatch) -> None:
    """Refuse to cancel and redrive as soon as the engine drains."""
    cancel, redrive = OrderEngine.cancel, OrderEngine.redrive

    async def cancel_late(self: OrderEngine, order_id: str, *, expected_version: int | None = None) -> Order:
        self._runtime.require_running()
        return await cancel(self, order_id, expected_version=expected_version)

    async def redrive_late(self: OrderEngine, order_id: str, *, expected_version: int | None = None) -> Order:
        self._runtime.require_running()
        return await redrive(self, order_id, expected_version=expected_version)

    patch.setattr(OrderEngine, "cancel", cancel_late)
    patch.setattr(OrderEngine, "redrive", redrive_late)


@found("P9", within=60, where=ENDS)
def waits_for_stubborn_processors(patch: pytest.MonkeyPatch) -> None:
    """Wait at a drain for a processor that ignores its cancellation."""
    patch.setattr(worker, "LONGEST_STOP_AT_DRAIN", 1e9)

    async def patient(self: Worker, grace_seconds: float) -> None:
        if not await self._within(grace_seconds, self._attempts.none()):
            self._grace_is_over = True
            await self._attempts.none()

    patch.setattr(Worker, "drain", patient)


@found("P9", within=40, where=ENDS)
def releases_nothing_at_a_drain(patch: pytest.MonkeyPatch) -> None:
    """Cancel what is left at a drain, and say nothing of it."""
    drain = Worker.drain

    async def silent(self: Worker, grace_seconds: float) -> None:
        if not await self._within(grace_seconds, self._attempts.none()):
            self.cancel_attempts()
        await drain(self, 0)

    patch.setattr(Worker, "drain", silent)


@found("P9", within=40, where=ENDS)
def does_not_wait_for_releases(patch: pytest.MonkeyPatch) -> None:
    """End as soon as what is left was told to stop, before it is released."""

    async def hasty(self: Worker, grace_seconds: float) -> None:
        if not await self._within(grace_seconds, self._attempts.none()):
            self._grace_is_over = True
            for attempt in self._attempts:
                attempt.stop(StopReason.DRAINING, self._context.clock.monotonic())

    patch.setattr(Worker, "drain", hasty)
