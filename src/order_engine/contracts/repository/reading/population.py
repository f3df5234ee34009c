"""A small population of orders that have lived through everything: what the reading suites read."""

from __future__ import annotations

from order_engine.contracts.samples import AFTER_THE_LEASE, placement
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action

LIVES = (
    "pending",
    "held",
    "marked",
    "completed",
    "completed-late",
    "retried",
    "released",
    "failed",
    "cancelled",
    "stopped",
    "redriven",
    "twice-completed",
    "vanished",
    "called-off",
)


async def populate(trial: Trial) -> None:
    """Place one order for each of the lives, and let it live it: every event type and every way to end occurs."""
    await trial.add(*map(placement, LIVES))
    for name in ("vanished", "called-off", "twice-completed"):
        await trial.take(name)
    await trial.ask("called-off", Action.CANCEL)
    await trial.advance(AFTER_THE_LEASE)
    await trial.claim(order_ids=["vanished", "called-off"], max_deliveries=1)
    await trial.report(await trial.take("twice-completed"), Action.FAIL, reason="no")
    await trial.report(await trial.take("redriven"), Action.FAIL, reason="no")
    await trial.advance(2)
    for name in ("twice-completed", "redriven"):
        await trial.ask(name, Action.REDRIVE)
    await _reports(trial)
    for name in ("marked", "stopped"):
        await trial.take(name)
        await trial.ask(name, Action.CANCEL)
    await trial.report(await trial.order("stopped"), Action.RELEASE)
    await trial.ask("cancelled", Action.CANCEL, reason="as asked")
    await trial.take("held")


async def _reports(trial: Trial) -> None:
    for name, action in (("released", Action.RELEASE), ("retried", Action.RETRY), ("failed", Action.FAIL)):
        await trial.report(await trial.take(name), action, delay=5, reason=name)
    for name, seconds in (("completed", 0.25), ("completed-late", 3.000001), ("twice-completed", 1)):
        leased = await trial.take(name)
        await trial.advance(seconds)
        await trial.report(leased, Action.COMPLETE)
