"""Contract of repositories with limits in bytes, in addition to `RepositoryContract`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.samples import AFTER_THE_LEASE, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import BoundedReader, OrderQuery, OrderState

LARGE: Final = Attributes(f'{{"note":"{"x" * 20_000}"}}')
ROOM_FOR_TWO: Final = 50_000
ROOM_FOR_NONE: Final = 1
NAMES: Final = [f"order-{number}" for number in range(5)]


class BoundsContract(RepositorySuite):
    """Claims, pages and reads return no more content than requested, at least one order.

    class TestMyRepository(RepositoryContract, BoundsContract): ...
    """

    @scenario
    async def test_claim_keeps_to_its_bytes(self, trial: Trial) -> None:
        """A claim returns orders up to the limit, longest due first, sets `more`, and does not change the rest."""
        await _place_large(trial)
        before = await trial.snapshot(*NAMES[2:])
        for named in (None, NAMES):
            claimed = await trial.claim(order_ids=named, max_bytes=ROOM_FOR_TWO)
            expect_equal(
                (ids(claimed.orders), claimed.more), (NAMES[:2], True), f"what a bounded claim of {named} takes"
            )
            rest = await trial.snapshot(*NAMES[2:])
            expect_equal((rest.orders, rest.histories), (before.orders, before.histories), "what it left out")
            await _release(trial, claimed.orders)
            await trial.advance(1)
            # The released ones have waited less now: they are the last, and the first again once the others had a turn.
            await _release(trial, (await trial.claim(order_ids=NAMES[2:])).orders)
            before = await trial.snapshot(*NAMES[2:])

    @scenario
    async def test_claim_takes_one_order_at_least(self, trial: Trial) -> None:
        """An order larger than the limit is claimed alone; `more` is not set if all were claimed."""
        await _place_large(trial)
        for name in NAMES:
            claimed = await trial.claim(max_bytes=ROOM_FOR_NONE)
            expect_equal(
                (ids(claimed.orders), claimed.more), ([name], name != NAMES[-1]), "what is claimed, and whether more is"
            )
        nothing = await trial.claim(max_bytes=ROOM_FOR_NONE)
        expect_equal((list(nothing.orders), nothing.more), ([], False), "what is claimed where nothing is due")

    @scenario
    async def test_claim_of_ended_leases_keeps_to_its_bytes(self, trial: Trial) -> None:
        """What a claim takes over, or ends, counts as what it hands out."""
        await _place_large(trial)
        await trial.claim(limit=3)
        await trial.ask(NAMES[0], Action.CANCEL)
        await trial.advance(AFTER_THE_LEASE)
        claimed = await trial.claim(max_bytes=ROOM_FOR_TWO)
        expect_equal(len(claimed.orders) + len(claimed.ended), 2, "how many a bounded claim takes over and ends")
        expect(claimed.more, "a limited claim must set `more`")
        again = await trial.claim()
        taken = ids([*claimed.orders, *claimed.ended, *again.orders, *again.ended])
        expect_equal(taken, NAMES, "what both claims took together")

    @scenario
    async def test_claim_is_asked_again_in_portions(self, trial: Trial) -> None:
        """Asked again, a claim answers by id with what fits; with `after` it goes on behind, until there is no more."""
        await _place_large(trial)
        terms = trial.terms()
        leased = {order.order_id: order for order in (await trial.repository.claim(terms)).orders}
        before = await trial.snapshot(*NAMES)
        again = replace(terms, limit=0, order_ids=(), max_bytes=ROOM_FOR_TWO)
        found: list[tuple[list[Order], bool]] = []
        for after in (None, NAMES[1], NAMES[3], NAMES[4]):
            answer = await trial.repository.claim(replace(again, after=after))
            found.append((list(answer.orders), answer.more))
        expected = [(NAMES[:2], True), (NAMES[2:4], True), (NAMES[4:], False), ([], False)]
        expect_equal(found, [([leased[name] for name in names], more) for names, more in expected], "the portions")
        expect_equal(await trial.snapshot(*NAMES), before, "what is stored after asking again")

    @scenario
    async def test_pages_keep_to_their_bytes(self, trial: Trial) -> None:
        """A page contains orders up to the limit, at least one, and a key of the next; small orders fill the page."""
        await _place_large(trial)
        await trial.add(*(placement(f"small-{number}", user_id="user-2") for number in range(5)))
        large_first = OrderQuery(limit=100, status=Status.PENDING, user_id="user-1")
        for max_bytes, sizes in ((ROOM_FOR_NONE, [1] * 5), (ROOM_FOR_TWO, [2, 2, 1]), (None, [5])):
            pages = await trial.pages(replace(large_first, max_bytes=max_bytes))
            expect_equal([len(page) for page in pages], sizes, f"the sizes of pages of {max_bytes} bytes")
            names = [order.order_id for page in pages for order in page]
            expect_equal(names, NAMES[::-1], f"the orders of all pages of {max_bytes} bytes")
        everything = [
            order for page in await trial.pages(OrderQuery(limit=100, max_bytes=ROOM_FOR_TWO)) for order in page
        ]
        expect_equal(len(everything), 10, "how many orders the pages of a list without a filter hold together")
        small = await trial.pages(OrderQuery(limit=2, user_id="user-2", max_bytes=ROOM_FOR_TWO))
        expect_equal([len(page) for page in small], [2, 2, 1], "the sizes of pages of at most 2 small orders")

    @scenario
    async def test_reading_keeps_to_its_bytes(self, trial: Trial) -> None:
        """The first orders are read that fit, one at least; the ids behind are left, and unknown ones are not."""
        await _place_large(trial)
        reader = _reader(trial)
        wanted = ["nobody", *NAMES[:3], NAMES[0], "\0", *NAMES[3:], "nobody"]
        found: list[list[str]] = []
        left: Sequence[str] = wanted
        while left:
            portion = await reader.get_some(left, ROOM_FOR_TWO)
            expect(len(portion.left) < len(left), f"a portion of {left} gets on; it left {portion.left}")
            expect_equal(
                dict(portion.orders), dict(await trial.repository.get(list(portion.orders))), "the orders of a portion"
            )
            found.append(list(portion.orders))
            left = [order_id for order_id in portion.left if order_id != NAMES[0]]
        expect_equal(found[:2], [NAMES[:2], NAMES[2:4]], "the orders of the first portions")
        expect_equal([name for names in found for name in names], NAMES, "the orders of all portions")
        expect_equal(dict((await reader.get_some(["nobody"], 1)).orders), {}, "the orders among unknown ids")

    @scenario
    async def test_states_are_those_of_the_orders(self, trial: Trial) -> None:
        """The version and the status of each order that exists are returned without its content."""
        await _place_large(trial)
        await trial.ask(NAMES[0], Action.CANCEL)
        await trial.take(NAMES[1])
        states = await _reader(trial).get_states([*NAMES, "nobody", "\0"])
        orders = await trial.repository.get(NAMES)
        expected = {order_id: OrderState(order.version, order.status) for order_id, order in orders.items()}
        expect_equal(dict(states), expected, "the states of the orders")
        expect_equal(dict(await _reader(trial).get_states([])), {}, "the states of no orders")


class OwnLeasesContract(RepositorySuite):
    """A claim never takes what its claimant runs, wherever the repository's clock was set to.

    class TestMyRepository(RepositoryContract, OwnLeasesContract): ...
    """

    @scenario
    async def test_own_leases_are_left_alone(self, trial: Trial) -> None:
        """An order that the claimant runs is not handed out again although its lease ended, nor ended; others are."""
        await trial.add(*map(placement, NAMES))
        own = (await trial.claim(order_ids=NAMES[:2])).orders
        others = (await trial.claim(order_ids=NAMES[2:4])).orders
        await trial.ask(NAMES[0], Action.CANCEL)
        await trial.advance(AFTER_THE_LEASE)
        before = await trial.snapshot(*NAMES[:2])
        running = {(order.order_id, order.token) for order in own}
        for named in (NAMES[:2], None):
            claimed = await trial.claim(order_ids=named, running=running, max_deliveries=1)
            expect_equal(ids(claimed.orders), [] if named else [NAMES[4]], "what is claimed beside the own leases")
            expect_equal(ids(claimed.ended), [] if named else ids(others), "what is ended beside the own leases")
        after = await trial.snapshot(*NAMES[:2])
        expect_equal((after.orders, after.histories), (before.orders, before.histories), "the claimant's own orders")
        old = {(order_id, token - 1) for order_id, token in running}
        claimed = await trial.claim(running=old)
        expect_equal(ids([*claimed.orders, *claimed.ended]), NAMES[:2], "what is taken that runs under an older token")


async def _place_large(trial: Trial) -> None:
    for name in NAMES:
        await trial.place(name, attributes=LARGE)
        await trial.advance(1)


async def _release(trial: Trial, orders: Sequence[Order]) -> None:
    for order in orders:
        await trial.report(order, Action.RELEASE)


def _reader(trial: Trial) -> BoundedReader:
    if not isinstance(trial.repository, BoundedReader):
        message = "the repository is no BoundedReader"
        raise TypeError(message)
    return trial.repository
