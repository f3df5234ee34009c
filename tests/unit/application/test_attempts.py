"""The books on slots and suspects: whatever comes and goes, they say what is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from order_engine import Order
from order_engine.application.worker.attempts import Attempts
from order_engine.domain.content.validation import validate
from order_engine.domain.decisions import Transition, place
from order_engine.domain.suspects import SuspectRoom
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import new_order

SLOTS = 6

steps = st.lists(
    st.tuples(st.sampled_from(["begin", "leave", "reserve", "unreserve"]), st.integers(0, 5), st.integers(0, 3)),
    max_size=40,
)
"""What happens to which order, and how often its attempts vanished before."""


@given(steps)
def test_slots_and_suspects_are_counted_exactly(happened: list[tuple[str, int, int]]) -> None:
    """After every step the free slots and the room for suspects are those of what runs and what is promised."""
    asyncio.run(count_exactly(happened))


async def count_exactly(happened: list[tuple[str, int, int]]) -> None:
    """Compare the books with what happened, after every step."""
    attempts, running, promised = Attempts(SLOTS), dict[int, int](), 0
    for what, number, vanished in happened:
        if what == "begin":
            begun = attempts.begin([_order(number, running.get(number, vanished))], 0.0, 30.0)
            assert len(begun) == (number not in running)
            running.setdefault(number, vanished)
        elif what == "leave" and number in running:
            attempts.leave([each for each in attempts if each.order.order_id == f"order{number}"])
            del running[number]
        elif what == "reserve" and attempts.free > 0:
            attempts.reserve(1)
            promised += 1
        elif what == "unreserve" and promised:
            attempts.unreserve(1)
            promised -= 1
        suspects = [each for each in running.values() if each]
        assert attempts.free == SLOTS - promised - len(running)
        assert attempts.suspect_room == SuspectRoom(SLOTS, len(suspects), max(suspects, default=0))
        assert _is_done(attempts.free_slot()) is (attempts.free > 0)
        assert _is_done(attempts.none()) is (not promised and not running)


def _is_done(waiting: object) -> bool:
    """Whether a coroutine returns without waiting."""
    assert asyncio.iscoroutine(waiting)
    try:
        waiting.send(None)
    except StopIteration:
        return True
    waiting.close()
    return False


def _order(number: int, vanished: int) -> Order:
    placed = place(None, validate(new_order(f"order{number}"), ""), ManualClock().now())
    assert isinstance(placed, Transition)
    return replace(placed.order, token=1, vanished=vanished)
