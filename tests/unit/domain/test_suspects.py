"""Suspects: the guilty order is soon alone, and its neighbours are not condemned with it (promise P7)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_engine.domain.commands import Action, Command
from order_engine.domain.decisions import Transition, decide
from order_engine.domain.order import Order, Status
from order_engine.domain.suspects import SuspectRoom, max_suspects
from tests.unit.domain.strategies import LEASE_SECONDS, PLACEMENT, after, must, placed, terms, thorough, usual

CONCURRENCY = 1000
CAP = 10
GUILTY = "guilty"


@pytest.mark.parametrize(
    ("vanished", "expected"), [(0, 1000), (1, 125), (2, 15), (3, 1), (4, 1), (10, 1), (1_000, 1), (10**9, 1)]
)
def test_each_crash_divides_the_company_by_eight(vanished: int, expected: int) -> None:
    """1,000 orders, then 125, then 15, then one alone."""
    assert max_suspects(CONCURRENCY, vanished) == expected


@usual
@given(st.integers(1, 10**6), st.integers(0, 50))
def test_company_shrinks_and_never_ends(concurrency: int, vanished: int) -> None:
    """One suspect at least may always run; the company is the concurrency over 8 to the crashes, rounded down."""
    assert max_suspects(concurrency, vanished) == max(1, concurrency // 8**vanished)
    assert 1 <= max_suspects(concurrency, vanished + 1) <= max_suspects(concurrency, vanished) <= concurrency


@usual
@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 20))
def test_an_order_that_is_no_suspect_may_always_start(concurrency: int, running: int, most_vanished: int) -> None:
    """It neither asks for company nor takes any."""
    room = SuspectRoom(concurrency, running, most_vanished)
    assert room.admits(0)
    assert room.with_suspect(0) == room


@usual
@given(st.integers(1, 10_000), st.integers(1, 50))
def test_a_process_without_suspects_takes_any_one(concurrency: int, vanished: int) -> None:
    """So every suspect runs sooner or later, however often it vanished."""
    assert SuspectRoom(concurrency).admits(vanished)


@usual
@given(st.integers(1, 1 << 63), st.integers(0, 10_000), st.integers(0, 20), st.integers(1, 50))
def test_the_most_vanished_order_that_may_start(concurrency: int, running: int, most: int, vanished: int) -> None:
    """Says at once what `admits` says of each count."""
    room = SuspectRoom(concurrency, running, most)
    assert room.admits(vanished) is (room.max_vanished is None or vanished <= room.max_vanished)


@thorough
@given(st.integers(1, 2_000), st.lists(st.integers(1, 6), max_size=200))
def test_all_suspects_of_a_process_keep_to_the_smallest_company_among_them(concurrency: int, asking: list[int]) -> None:
    """Whoever asks in whatever order: never more run than the most suspect of them may have beside it."""
    room, running = SuspectRoom(concurrency), list[int]()
    for vanished in asking:
        if room.admits(vanished):
            room = room.with_suspect(vanished)
            running.append(vanished)
        assert room.running == len(running)
        assert room.most_vanished == max(running, default=0)
        assert len(running) <= max_suspects(concurrency, max(running, default=0))


# Crashes


@dataclass
class Process:
    """A process of a thousand slots that dies whenever the guilty order runs in it, simulated with the pure functions.

    It claims as a worker does, from the first order offered to the last, and completes what it could run.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    crashes: list[list[str]] = field(default_factory=list)
    """The suspects that each crash took down; for the first one everything that ran."""
    seconds: float = 0.0
    claims: int = 0

    def place(self, order_id: str) -> None:
        """Take a new order."""
        self.orders[order_id] = placed(PLACEMENT._replace(order_id=order_id), after(self.seconds))

    def run(self, offered: Iterable[str]) -> None:
        """Claim what there is room for, then die of the guilty order, or complete all of it."""
        self.claims += 1
        running = self._claim(offered)
        if GUILTY in running:
            suspects = [order_id for order_id in running if self.orders[order_id].vanished]
            self.crashes.append(suspects or running)
        else:
            for order_id in running:
                report = Command(order_id, Action.COMPLETE, self.orders[order_id].token)
                self.orders[order_id] = must(decide(self.orders[order_id], report, after(self.seconds)))
        self.seconds += LEASE_SECONDS

    def _claim(self, offered: Iterable[str]) -> list[str]:
        room, running = SuspectRoom(CONCURRENCY), list[str]()
        for order_id in offered:
            claim_terms = terms(f"claim{self.claims}", max_deliveries=CAP, suspects=room)
            decision = decide(self.orders[order_id], claim_terms, after(self.seconds))
            if isinstance(decision, Transition):
                self.orders[order_id] = decision.order
                if decision.order.leased:
                    room = room.with_suspect(decision.order.vanished)
                    running.append(order_id)
            if len(running) == CONCURRENCY:
                break
        return running

    @property
    def open_orders(self) -> list[str]:
        """The orders that have not ended."""
        return [order_id for order_id, order in self.orders.items() if not order.status.ended]


@settings(usual, max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from(("first", "anywhere", "last")), st.integers(0, 300))
def test_the_guilty_one_is_alone_after_four_crashes_and_no_neighbour_is_condemned(
    seed: int, place: str, arrivals: int
) -> None:
    """A thousand orders go down together, new ones keep coming: the guilty one fails at its cap, all else completes."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    process = Process()
    for serial in range(CONCURRENCY - 1):
        process.place(f"order{serial}")
    process.place(GUILTY)
    rounds = 0
    while not process.orders[GUILTY].status.ended:
        offered = process.open_orders
        chance.shuffle(offered)
        if place != "anywhere":
            offered.remove(GUILTY)
            offered.insert(0 if place == "first" else len(offered), GUILTY)
        process.run(offered)
        for serial in range(arrivals if rounds < 4 else 0):
            process.place(f"later{rounds}-{serial}")
        rounds += 1
    while process.open_orders:
        process.run(process.open_orders)
    assert all(suspects == [GUILTY] for suspects in process.crashes[3:])
    assert all(len(down) <= most for down, most in zip(process.crashes, (1000, 125, 15, 1), strict=False))
    assert process.orders[GUILTY].vanished == CAP == len(process.crashes)
    statuses = {order.status for order_id, order in process.orders.items() if order_id != GUILTY}
    assert (process.orders[GUILTY].status, statuses) == (Status.FAILED, {Status.COMPLETED})
    assert max(order.vanished for order_id, order in process.orders.items() if order_id != GUILTY) <= 3
