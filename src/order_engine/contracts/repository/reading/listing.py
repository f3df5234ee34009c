"""Suite: listing orders page by page."""

from __future__ import annotations

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.repository.reading.population import LIVES, populate
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import OrderQuery, PageKey


class RepositoryListing(RepositorySuite):
    """What `list` gives."""

    @scenario
    async def test_list_is_newest_first(self, trial: Trial) -> None:
        """Orders come by the time of their placing, the newest first, whatever happened to them since."""
        for number in range(5):
            await trial.place(f"order-{number}")
            await trial.advance(1)
        await trial.ask("order-1", Action.CANCEL)
        await trial.take("order-0")
        names = [order.order_id for order in await _all(trial, OrderQuery(limit=100))]
        expect_equal(names, [f"order-{number}" for number in range(4, -1, -1)], "the orders listed")

    @scenario
    async def test_ties_are_ordered_by_id(self, trial: Trial) -> None:
        """Orders of one moment come by their ids compared as code points, the highest first, in pages of any size."""
        names = ["a", "B", "b", "\u00e9", "e\u0301", "\uff5e", "\U0001f600", "a b", "a-b", "_", "10", "9"]
        await trial.add(*map(placement, names))
        for size in (1, 2, 5, len(names), 100):
            listed = [order.order_id for order in await _all(trial, OrderQuery(limit=size))]
            expect_equal(listed, sorted(names, reverse=True), f"the orders of one moment in pages of {size}")

    @scenario
    async def test_pages_are_full_and_the_last_has_no_next(self, trial: Trial) -> None:
        """A page contains `limit` orders unless it is the last one, which has no next key."""
        await trial.add(*(placement(f"order-{number}") for number in range(4)))
        for limit, sizes in ((1, [1, 1, 1, 1]), (2, [2, 2]), (3, [3, 1]), (4, [4]), (5, [4])):
            found = [len(page) for page in await trial.pages(OrderQuery(limit=limit))]
            expect_equal(found, sizes, f"the sizes of pages of at most {limit} of four orders")

    @scenario
    async def test_empty_list(self, trial: Trial) -> None:
        """Where nothing matches, there is one page, empty and the last."""
        page = await trial.repository.list(OrderQuery(limit=10))
        expect_equal((list(page.orders), page.next), ([], None), "the list of an empty repository")
        await trial.place("order-1")
        page = await trial.repository.list(OrderQuery(limit=10, user_id="nobody"))
        expect_equal((list(page.orders), page.next), ([], None), "the list of an unknown user")

    @scenario
    async def test_list_by_status_and_user(self, trial: Trial) -> None:
        """Filters by current status and user apply separately or together, on every page."""
        await populate(trial)
        await trial.place("another-pending", user_id="user-2")
        await trial.place("another-cancelled", user_id="user-2")
        await trial.ask("another-cancelled", Action.CANCEL)
        everything = await _all(trial, OrderQuery(limit=100))
        expect_equal(len(everything), len(LIVES) + 2, "the number of orders listed without a filter")
        for status in (None, *Status):
            for user_id in (None, "user-1", "user-2", "USER-1"):
                query = OrderQuery(limit=2, status=status, user_id=user_id)
                expected = [
                    order for order in everything if status in {None, order.status} and user_id in {None, order.user_id}
                ]
                expect_equal(await _all(trial, query), expected, f"the orders listed for {query}")

    @scenario
    async def test_list_gives_the_orders_as_they_are(self, trial: Trial) -> None:
        """A listed order equals the one that is read by its id."""
        await populate(trial)
        listed = {order.order_id: order for order in await _all(trial, OrderQuery(limit=3))}
        expect_equal(listed, dict(await trial.repository.get(LIVES)), "the orders listed, compared with those read")

    @scenario
    async def test_paging_is_stable_while_orders_come_in(self, trial: Trial) -> None:
        """What is placed or changed between two pages does not shift them: nothing is left out or comes twice."""
        for number in range(6):
            await trial.place(f"order-{number}")
            await trial.advance(1)
        listed: list[str] = []
        after: PageKey | None = None
        for number in range(3):
            page = await trial.repository.list(OrderQuery(limit=2, after=after))
            listed.extend(order.order_id for order in page.orders)
            await trial.place(f"new-{number}")
            await trial.ask(f"order-{number}", Action.CANCEL)
            after = page.next
        expect_equal(after, None, "the key after the third page of six orders in twos")
        expect_equal(listed, [f"order-{number}" for number in range(5, -1, -1)], "the orders of all pages together")

    @scenario
    async def test_page_key_is_a_place_not_an_order(self, trial: Trial) -> None:
        """A key leads on from its place although no order, or one that the filter leaves out, stands there."""
        await trial.add(*map(placement, ("a", "c", "e")))
        after = PageKey(trial.now, "d")
        page = await trial.repository.list(OrderQuery(limit=10, after=after))
        expect_equal([order.order_id for order in page.orders], ["c", "a"], "the orders after a place between orders")


async def _all(trial: Trial, query: OrderQuery) -> list[Order]:
    return [order for page in await trial.pages(query) for order in page]
