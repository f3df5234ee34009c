"""Planted bugs in what clients may ask for: conditions, keys, the same order twice, answers in time, readiness."""

from __future__ import annotations

import pytest

from order_engine import NewOrder, Order, OrderEngine
from order_engine.application.actions import Actions
from order_engine.application.calls.availability import Availability
from order_engine.application.calls.group_commit import GroupCommit
from order_engine.application.placer import Placed
from order_engine.domain.commands import Command
from order_engine.ports.repository import Applied
from tests.unit.contracts import mutants_applying, mutants_placing
from tests.unit.simulation.planted import CLIENTS, ENDS_IN_TROUBLE, LOST_REDRIVES, OUTAGES, PROCESSORS, found, stores

stores(mutants_applying.ExpectedVersionIsIgnored, "If-Match", within=20, where=CLIENTS)
stores(mutants_placing.KeysAreIgnored, "P4", "P1", within=40, where=CLIENTS)
stores(mutants_placing.ReplayBindsNoKey, "P4", "P1", within=80, where=CLIENTS)
stores(mutants_placing.ItemsAreComparedAsASet, "P4", within=20, where=CLIENTS)
stores(mutants_placing.SameIdTwiceIsAddedTwice, "P3", "P4", "P8", "P2", within=20, where=CLIENTS)


@found("If-Match", within=20, where=CLIENTS)
def cancellations_lose_their_condition(patch: pytest.MonkeyPatch) -> None:
    """Cancel whatever version the client names."""
    cancel = OrderEngine.cancel

    async def whatever(self: OrderEngine, order_id: str, *, expected_version: int | None = None) -> Order:  # noqa: ARG001
        return await cancel(self, order_id)

    patch.setattr(OrderEngine, "cancel", whatever)


@found("If-Match", within=40, where=PROCESSORS)
def redrives_lose_their_condition(patch: pytest.MonkeyPatch) -> None:
    """Redrive whatever version the operator names."""
    redrive = OrderEngine.redrive

    async def whatever(self: OrderEngine, order_id: str, *, expected_version: int | None = None) -> Order:  # noqa: ARG001
        return await redrive(self, order_id)

    patch.setattr(OrderEngine, "redrive", whatever)


@found("redrive", within=40, where=LOST_REDRIVES)
def redrives_meet_any_version(patch: pytest.MonkeyPatch) -> None:
    """Ask for a redrive again whatever the order has been through since; found by seed 191 of a campaign."""

    async def whatever(self: Actions, command: Command, deadline: float) -> Applied:
        return await self._apply_until_known(command, deadline)

    patch.setattr(Actions, "_redrive_present_version", whatever)


@found("P4", "P1", within=40, where=CLIENTS)
def keys_are_not_sent(patch: pytest.MonkeyPatch) -> None:
    """Place without the key that came with the order."""
    place = OrderEngine.place

    async def keyless(self: OrderEngine, order: NewOrder, *, idempotency_key: str | None = None) -> Placed:  # noqa: ARG001
        return await place(self, order)

    patch.setattr(OrderEngine, "place", keyless)


@found("ready", within=40, where=OUTAGES)
def is_never_ready_again(patch: pytest.MonkeyPatch) -> None:
    """Say for ever that the repository is away that was away once."""
    failed = Availability.failed

    def resentful(self: Availability, operation: str, error: BaseException) -> None:
        failed(self, operation, error)
        offended.add(self)

    offended: set[Availability] = set()
    patch.setattr(Availability, "failed", resentful)
    patch.setattr(
        OrderEngine,
        "ready",
        property(lambda self: self._runtime.runs and self._context.availability not in offended),
    )


@found("every call is answered", within=60, where=ENDS_IN_TROUBLE)
def those_who_wait_are_never_overdue(patch: pytest.MonkeyPatch) -> None:
    """Let each batch wait out its limit after the other."""
    patch.setattr(GroupCommit, "_fail_overdue", lambda _: None)
