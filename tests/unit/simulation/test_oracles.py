"""Each oracle notices a violation that was made by hand, and says which promise it is about."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from order_engine import Status
from order_engine.domain.commands import Action
from order_engine.domain.content.validation import validate
from order_engine.domain.order import Order
from order_engine.simulation import Fault, Scenario, Sizes, run_seed
from order_engine.simulation.checks.record import RunEnd
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.orders import contradiction
from order_engine_adapters.wiring.simulation import in_memory
from tests.unit.simulation.scene import ORDER, PLACEMENT, Scene, completed


@pytest.fixture
def scene() -> Scene:
    """Return a scene without a fault."""
    return Scene()


def test_what_keeps_every_promise_is_not_accused(scene: Scene) -> None:
    """Placed, claimed, done and completed."""
    with completed(scene):
        pass
    assert scene.judge() == []


def test_an_acknowledged_order_that_is_lost(scene: Scene) -> None:
    """P1."""
    known = scene.world.record.of("order1")
    known.placements.append(PLACEMENT)
    known.acknowledged = PLACEMENT
    assert scene.judge() == ["P1: order1 was acknowledged and is lost"]


def test_an_order_that_nobody_placed(scene: Scene) -> None:
    """P1."""
    with completed(scene):
        pass
    scene.world.record.known.clear()
    assert "P1: order1 is stored, but was never placed" in scene.judge()


def test_an_order_that_went_back(scene: Scene) -> None:
    """P1: somebody was told a later version than the store has."""
    with completed(scene):
        scene.world.record.of("order1").version = 9
    assert scene.judge() == ["P1: order1 was read at version 9 and is at 3"]


def test_an_order_of_which_its_client_was_told_that_nothing_was_stored(scene: Scene) -> None:
    """P6."""
    with completed(scene):
        scene.world.record.of("order1").acknowledged = None
    assert scene.judge() == ["P6: order1 is stored although its placement was refused"]


def test_content_that_was_not_placed(scene: Scene) -> None:
    """P4."""
    with completed(scene):
        scene.world.record.of("order1").acknowledged = validate(contradiction(ORDER, Random(0)), "")  # noqa: S311 - any will do
    assert scene.judge() == ["P4: order1 has different content than was placed"]


def test_a_completion_without_the_work(scene: Scene) -> None:
    """P2: the processor never ran, or did not return."""
    scene.place()
    order = scene.claim()
    scene.run(order, RunEnd.CANCELLED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == ["P2: order1 completed with token 1 without having been processed"]


def test_a_run_under_an_older_token(scene: Scene) -> None:
    """P2."""
    scene.place()
    order = scene.claim()
    scene.run(order, RunEnd.RETURNED)
    scene.run(order, RunEnd.RETURNED)
    assert scene.broken == ["P2: order1 runs with token 1 after 1 in instance-1/1"]


def test_an_order_that_runs_twice_at_once(scene: Scene) -> None:
    """Without a pause, a death or a clock that jumped nothing excuses the first run."""
    scene.place()
    order = scene.claim()
    scene.run_monitor.began(order)
    scene.report(order, Action.RELEASE)
    scene.run_monitor.began(scene.claim("claim2"))
    assert scene.broken == ["one at a time: order1 still runs in instance-1/1 in instance-1/1"]


def test_a_run_of_an_order_that_nobody_holds(scene: Scene) -> None:
    """P3."""
    scene.place()
    order = scene.claim()
    scene.report(order, Action.RELEASE)
    scene.run_monitor.began(drive(scene.world.store.get(["order1"]))["order1"])
    assert scene.broken == ["P3: order1 is run as Processing in instance-1/1"]


def test_a_failure_that_was_none(scene: Scene) -> None:
    """P7: an outage or a drain is nobody's failed attempt."""
    scene.place()
    order = scene.claim()
    scene.run(order, RunEnd.CANCELLED)
    scene.report(order, Action.FAIL, reason="it failed")
    assert scene.judge() == ["P7: order1 failed with token 1 although its processor did not"]


def test_a_failure_that_is_hidden(scene: Scene) -> None:
    """P7: a release does not count, and a failure has to."""
    scene.place()
    order = scene.claim()
    scene.run(order, RunEnd.RAISED)
    scene.report(order, Action.RELEASE)
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == ["P7: order1 was released with token 1 although its processor failed"]


def test_a_rejected_order_that_is_tried_again(scene: Scene) -> None:
    """P7."""
    scene.place()
    order = scene.claim()
    run, _ = scene.run_monitor.began(order)
    run.rejected = True
    scene.run_monitor.ended(run, RunEnd.RAISED)
    scene.report(order, Action.RETRY, reason="not wanted")
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert "P7: order1 was rejected with token 1 and is retried" in scene.judge()


def test_an_attempt_that_vanished_for_nothing(scene: Scene) -> None:
    """P7: nothing happened to its process, or to that process's calls."""
    scene.place()
    scene.claim()
    scene.pass_time(scene.world.plan.options.lease_seconds + 1)
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == ["P7: order1 attempt with token 1 vanished without a fault of instance-1/1"]


def test_an_attempt_that_vanished_in_a_crash(scene: Scene) -> None:
    """That is what a crash does: nothing is wrong with it."""
    scene.place()
    scene.claim()
    scene.claimant.crashed = True
    scene.claimant.gone_at = scene.world.loop.time()
    scene.pass_time(scene.world.plan.options.lease_seconds + 1)
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == []


def test_an_order_that_never_ended(scene: Scene) -> None:
    """P7."""
    scene.place()
    assert any(said.startswith("P7: order1 has not ended") for said in scene.judge())


def test_a_reader_who_misses_an_event(scene: Scene) -> None:
    """P5."""
    with completed(scene):
        pass
    assert scene.judge(read=2) == ["P5: the reader of all events missed some of ['order1']"]


def test_metrics_that_are_not_the_fold(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """P8: one order more than there is."""
    scene.place()
    statistics = drive(scene.world.store.statistics())

    async def wrong() -> object:
        return type(statistics)(7, {**statistics.status_counts, Status.PENDING: 7}, 0)

    monkeypatch.setattr(scene.world.store, "statistics", wrong)
    scene.ledger.check()
    [said] = scene.broken
    assert said.startswith("P8: the metrics are Statistics(total_orders=7")


def test_an_answer_that_is_older_than_another(scene: Scene) -> None:
    """Who was told something finds it again, whomever is asked."""
    scene.place()
    order = scene.claim()
    scene.world.record.answered(order, 3, 0.0)
    assert scene.broken == ["reads see what was answered before: order1 was read at version 2 after 3"]


def test_a_cancellation_that_was_told_and_is_not_so(scene: Scene) -> None:
    """Cancelled is an end."""
    with completed(scene):
        scene.world.record.of("order1").cancelled = True
    assert scene.judge() == ["cancel: order1 was read as Cancelled and is Completed"]


def test_a_neighbour_that_is_condemned(scene: Scene) -> None:
    """P7: where only processors kill, what killed nobody does not end as Failed for vanishing."""
    scene = Scene(Fault.PROCESSOR_KILLS)
    if not scene.world.plan.likelihood[Fault.PROCESSOR_KILLS]:
        pytest.fail("the plan of this seed leaves the fault out that this test is about")
    scene.place()
    scene.claimant.crashed = True
    scene.claimant.gone_at = 0.0
    for claim in range(scene.world.plan.options.max_deliveries):
        order = scene.claim(f"claim{claim}")
        assert order.order_id == "order1"
        scene.pass_time(scene.world.plan.options.lease_seconds + 1)
    [ended] = drive(scene.world.store.claim(scene.terms("last"))).ended
    assert ended.status is Status.FAILED
    assert scene.judge() == ["P7: order1 is Failed because of crashes caused by other orders"]


def test_errors_that_nobody_caught() -> None:
    """What asyncio only logs is a violation here."""

    def careless(_: Order) -> None:
        asyncio.get_running_loop().call_soon(int, "no number")

    scenario = Scenario(store=in_memory, make_work=lambda: careless, sizes=Sizes(orders=5), faults=frozenset())
    [violation] = run_seed(scenario, 0).violations
    assert violation.promise == "errors"
    assert "no number" in violation.what


def test_more_orders_at_once_than_slots(scene: Scene) -> None:
    """The concurrency that was set is kept."""
    scene.place()
    order = scene.claim()
    for number in range(scene.world.plan.options.concurrency):
        scene.run_monitor.running[f"other{number}", 1] = scene.run_monitor.began(order)[0]
    assert any(said.startswith("concurrency: ") for said in scene.broken)
