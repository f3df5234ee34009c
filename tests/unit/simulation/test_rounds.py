"""What is counted and told of attempts, retries and conditions: each oracle notices what was made wrong by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_engine.domain.commands import Action, Command
from order_engine.simulation.checks.record import RunEnd
from order_engine.simulation.network.network_path import drive
from tests.unit.simulation.scene import PLACEMENT, Scene, completed


@pytest.fixture
def scene() -> Scene:
    """Return a scene without a fault."""
    return Scene()


def test_a_round_that_is_given_up_too_early(scene: Scene) -> None:
    """P7: one failure, where the policy has more attempts."""
    options = replace(scene.world.plan.options, max_attempts=2)
    scene.world.plan = replace(scene.world.plan, options=options)
    scene.place()
    order = scene.claim()
    run, _ = scene.run_monitor.began(order)
    run.raised = "ItFailed: order1"
    scene.run_monitor.ended(run, RunEnd.RAISED)
    scene.report(order, Action.FAIL, reason="ItFailed: order1")
    assert scene.judge() == ["P7: order1 is Failed after 1 failures"]


def test_a_reason_that_is_not_the_processors(scene: Scene) -> None:
    """Nor that of a time limit, for the run took no time."""
    scene.place()
    order = scene.claim()
    run, _ = scene.run_monitor.began(order)
    run.raised, run.rejected = "Rejected: not wanted", True
    scene.run_monitor.ended(run, RunEnd.RAISED)
    scene.report(order, Action.FAIL, reason="TimeoutError")
    assert scene.judge() == ["reasons: order1 failed with token 1 and reason 'TimeoutError', not Rejected: not wanted"]


def test_a_release_for_no_reason(scene: Scene) -> None:
    """P7: nobody drains, and nothing happened to the process or its calls."""
    scene.place()
    scene.report(scene.claim(), Action.RELEASE)
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == ["P7: order1 was released with token 1 by instance-1/1 without a reason"]


def test_a_release_by_a_process_that_drains(scene: Scene) -> None:
    """That is what a drain does: nothing is wrong with it."""
    scene.place()
    order = scene.claim()
    scene.claimant.leaves_since = scene.world.loop.time()
    scene.report(order, Action.RELEASE)
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == []


def test_an_attempt_that_is_run_under_another_number(scene: Scene) -> None:
    """P2: what the processor is told is what the history says."""
    scene.place()
    order = scene.claim()
    scene.run(replace(order, attempts=7), RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == ["P2: order1 was run as attempt 7 of round 1, which is attempt 1 of round 1"]


def test_a_retry_that_is_claimed_before_it_is_due(scene: Scene) -> None:
    """By the repository's time; a millisecond is forgiven."""
    scene.world.retries.applied(Command("order1", Action.RETRY, token=1, delay=5.0))
    scene.place()
    order = replace(scene.claim(), token=2)
    scene.pass_time(4.9)
    scene.world.retries.check_claimed([order])
    assert scene.broken == ["backoff: order1 was claimed 0.100 s before its retry was due"]


def test_a_retry_that_is_put_off_for_too_long(scene: Scene) -> None:
    """Longer than the first backoff, under whatever cap."""
    options = scene.world.plan.options
    scene.place()
    order = scene.claim()
    scene.run(order, RunEnd.RAISED)
    delay = options.backoff_seconds * 1.01
    scene.world.retries.applied(Command("order1", Action.RETRY, token=order.token, delay=delay))
    [said] = scene.broken
    assert said.startswith(f"backoff: order1 is retried {delay:.3f} s after failure 1")


def test_a_cancellation_at_another_version(scene: Scene) -> None:
    """If-Match: what was wanted at version 1 was done at version 2."""
    scene.place()
    scene.claim()
    scene.pass_time(scene.world.plan.options.lease_seconds + 1)
    drive(scene.world.store.apply([Command("order1", Action.CANCEL)]))
    scene.world.record.of("order1").matched = (1,)
    assert "If-Match: order1 was cancelled at another version than 1" in scene.judge()


def test_a_conflict_with_ones_own_content(scene: Scene) -> None:
    """P4: who is refused does not find the own content there."""
    with completed(scene):
        scene.world.record.of("order1").refused = (PLACEMENT,)
    assert scene.judge() == ["P4: order1 was refused for a conflict with its own content"]


def test_a_redrive_that_nobody_wanted(scene: Scene) -> None:
    """As many redrives as tries, where no answer gets lost."""
    scene.place()
    order = scene.claim()
    run, _ = scene.run_monitor.began(order)
    run.raised, run.rejected = "Rejected: not wanted", True
    scene.run_monitor.ended(run, RunEnd.RAISED)
    scene.report(order, Action.FAIL, reason="Rejected: not wanted")
    drive(scene.world.store.apply([Command("order1", Action.REDRIVE)]))
    order = scene.claim("claim2")
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
    assert scene.judge() == ["redrive: order1 was redriven 1 times in 0 calls"]
