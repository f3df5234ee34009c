"""Suite: leases that ended without a report, and the suspects that this makes."""

from __future__ import annotations

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import AFTER_THE_LEASE, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action
from order_engine.domain.events import VANISHED, Event, EventType
from order_engine.domain.order import Order, Status
from order_engine.domain.suspects import SuspectRoom


class RepositoryVanishing(RepositorySuite):
    """What a claim does when it meets a lease that has ended."""

    @scenario
    async def test_spent_deliveries_end_as_failed(self, trial: Trial) -> None:
        """At the cap of vanished attempts the order is Failed, for the reason "vanished", under the lost token."""
        lost = await trial.vanish_order("order-1", times=3)
        expect_equal((lost.token, lost.vanished), (3, 2), "token and vanished before the last claim")
        claimed = await trial.claim(max_deliveries=3)
        expect_equal((ids(claimed.orders), ids(claimed.ended)), ([], ["order-1"]), "what was claimed, and what ended")
        order = await trial.order("order-1")
        expect_equal(list(claimed.ended), [order], "the order as the claim answers it")
        expect_equal((order.status, order.failure, order.vanished), (Status.FAILED, VANISHED, 3), "how it ended")
        expect_equal(
            (order.attempts, order.failures), (3, 0), "attempts and failures: none of them was the processor's"
        )
        event = Event(
            "order-1", order.version, EventType.FAILED, Status.FAILED, trial.now, token=3, attempt=3, reason=VANISHED
        )
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the end")

    @scenario
    async def test_named_claim_ends_spent_deliveries_too(self, trial: Trial) -> None:
        """A claim by name meets an ended lease as any other does."""
        await trial.vanish_order("order-1", times=1)
        claimed = await trial.claim(order_ids=["order-1"], max_deliveries=1)
        expect_equal((ids(claimed.orders), ids(claimed.ended)), ([], ["order-1"]), "what was claimed, and what ended")

    @scenario
    async def test_cancel_request_is_honoured_when_the_lease_ends(self, trial: Trial) -> None:
        """A vanished attempt with a cancel request ends the order as Cancelled, even if deliveries are exhausted."""
        await trial.place_and_claim("order-1")
        await trial.ask("order-1", Action.CANCEL)
        await trial.advance(AFTER_THE_LEASE)
        claimed = await trial.claim(max_deliveries=1)
        expect_equal((ids(claimed.orders), ids(claimed.ended)), ([], ["order-1"]), "what was claimed, and what ended")
        order = await trial.order("order-1")
        expect_equal((order.status, order.vanished, order.failure), (Status.CANCELLED, 1, None), "how it ended")
        check_history(await trial.history("order-1"))

    @scenario
    async def test_claimed_and_ended_share_the_limit(self, trial: Trial) -> None:
        """What a claim ends counts against its limit like what it hands out."""
        await trial.add(*(placement(f"spent-{number}") for number in range(3)))
        await trial.claim()
        await trial.advance(AFTER_THE_LEASE)
        await trial.add(*(placement(f"order-{number}") for number in range(3)))
        sizes = []
        for _ in range(3):
            claimed = await trial.claim(limit=2, max_deliveries=1)
            sizes.append(len(claimed.orders) + len(claimed.ended))
        expect_equal(sizes, [2, 2, 2], "how many orders claims with a limit of 2 took or ended")

    @scenario
    async def test_suspects_run_in_small_company(self, trial: Trial) -> None:
        """Of orders with k vanished attempts, at most concurrency / 8^k are claimed, at least one."""
        for times, expected in ((1, 8), (2, 1), (3, 1)):
            named = await _suspects(trial, 12, times)
            room = SuspectRoom(concurrency=64)
            claimed = await trial.claim(order_ids=named, suspects=room, max_deliveries=times + 1)
            expect_equal(
                len(claimed.orders), expected, f"how many of 12 suspects, {times} times vanished, 64 slots take"
            )
            for order in claimed.orders:
                expect_equal(order.vanished, times, "the vanished attempts of a suspect that was taken over")
                await trial.report(order, Action.COMPLETE)

    @scenario
    async def test_running_suspects_take_room(self, trial: Trial) -> None:
        """Suspects that run already take room, and the most suspect of them sets the company for all."""
        await _suspects(trial, 4, times=1)
        rooms = {
            SuspectRoom(concurrency=64, running=6, most_vanished=1): 2,
            SuspectRoom(concurrency=64, running=8, most_vanished=1): 0,
            SuspectRoom(concurrency=64, running=1, most_vanished=2): 0,
            SuspectRoom(concurrency=8, running=0): 1,
        }
        for room, expected in rooms.items():
            claimed = (await trial.claim(suspects=room)).orders
            expect_equal(len(claimed), expected, f"how many suspects are taken with {room}")
            for order in claimed:
                await trial.report(order, Action.RETRY, delay=0)

    @scenario
    async def test_suspects_left_alone_do_not_count(self, trial: Trial) -> None:
        """A suspect for whom there is no room is left as it is and takes no place from those behind it."""
        suspects = await _suspects(trial, 3, times=1)
        await trial.add(placement("order-1"), placement("order-2"))
        before = await trial.snapshot(*suspects)
        full = SuspectRoom(concurrency=8, running=1, most_vanished=1)
        claimed = await trial.claim(limit=2, suspects=full)
        expect_equal(ids(claimed.orders), ["order-1", "order-2"], "the orders claimed beside suspects left alone")
        expect_equal((await trial.snapshot(*suspects)).orders, before.orders, "the suspects that were left alone")
        again = await trial.claim(suspects=SuspectRoom(concurrency=24))
        expect_equal(len(again.orders), 3, "how many of the suspects are taken when there is room again")

    @scenario
    async def test_claim_beside_suspects_takes_each_order_once(self, trial: Trial) -> None:
        """A claim that passes suspects over goes on behind them, and meets no order a second time."""
        first = await trial.place_and_claim("first")
        suspects = [await _again(trial, name) for name in await _suspects(trial, 3, times=1)]
        for leased in (first, *suspects):
            await trial.report(leased, Action.RETRY, delay=100)
        await trial.advance(100)
        await trial.place("last")
        claimed = await trial.claim(limit=3, suspects=SuspectRoom(concurrency=8))
        taken = sorted(order.order_id for order in (*claimed.orders, *claimed.ended))
        expect_equal(taken, ["first", "last", suspects[0].order_id], "the orders taken beside suspects put off")

    @scenario
    async def test_claim_ends_each_order_once(self, trial: Trial) -> None:
        """Likewise among orders whose holders vanished, one of which the claim ends."""
        await trial.place_and_claim("first", lease_seconds=200)
        await trial.ask("first", Action.CANCEL)
        suspects = [await _again(trial, name) for name in await _suspects(trial, 3, times=1)]
        await trial.advance(300)
        await trial.place("last")
        claimed = await trial.claim(limit=3, suspects=SuspectRoom(concurrency=64, running=0))
        expect_equal(ids(claimed.ended), ["first"], "the orders ended beside suspects")
        expect_equal(ids(claimed.orders), ["last", suspects[0].order_id], "the orders claimed beside suspects")

    @scenario
    async def test_ending_needs_no_room(self, trial: Trial) -> None:
        """Orders ended by a claim need no room for suspects."""
        suspects = await _suspects(trial, 2, times=2)
        full = SuspectRoom(concurrency=1, running=1, most_vanished=1)
        claimed = await trial.claim(suspects=full, max_deliveries=2)
        expect_equal(ids(claimed.ended), suspects, "the orders ended without room")

    @scenario
    async def test_cancelling_needs_no_room(self, trial: Trial) -> None:
        """A vanished attempt with a cancel request ends the order even without room for suspects."""
        suspects = await _suspects(trial, 2, times=2)
        await trial.claim(order_ids=suspects, max_deliveries=4)
        for name in suspects:
            await trial.ask(name, Action.CANCEL)
        await trial.advance(AFTER_THE_LEASE)
        full = SuspectRoom(concurrency=1, running=1, most_vanished=1)
        named = await trial.claim(order_ids=suspects[:1], suspects=full)
        expect_equal(ids(named.ended), suspects[:1], "the orders ended without room by a claim that names them")
        due = await trial.claim(suspects=full)
        expect_equal(ids(due.ended), suspects[1:], "the orders ended without room by a claim of what is due")
        expect_equal((await trial.order(suspects[1])).status, Status.CANCELLED, "how the order ended")

    @scenario
    async def test_suspect_stays_one_after_a_report(self, trial: Trial) -> None:
        """A report ends the attempt, not the suspicion: the next attempt of the round needs room as well."""
        await trial.vanish_order("order-1", times=1)
        await trial.report(await trial.take("order-1"), Action.RETRY)
        full = SuspectRoom(concurrency=8, running=1, most_vanished=1)
        expect(not (await trial.claim(suspects=full)).orders, "a suspect between attempts needs room like any suspect")
        expect_equal((await trial.take("order-1")).vanished, 1, "the vanished attempts after a report")


async def _again(trial: Trial, name: str) -> Order:
    """Take an order whose attempts vanished once more, under a lease that ends later than all others."""
    return await trial.take(name, max_deliveries=9, lease_seconds=250)


async def _suspects(trial: Trial, number: int, times: int) -> list[str]:
    """Place orders whose attempts all vanish `times` times, the last lease having ended just now."""
    names = sorted(f"suspect-{times}-{index}" for index in range(number))
    await trial.add(*map(placement, names))
    for _ in range(times):
        claimed = await trial.claim(order_ids=names, max_deliveries=times + 1)
        expect_equal(ids(claimed.orders), names, "the orders claimed where there is ample room")
        await trial.advance(AFTER_THE_LEASE)
    return names
