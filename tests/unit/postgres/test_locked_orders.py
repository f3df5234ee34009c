"""Which orders are known to be locked."""

from __future__ import annotations

from order_engine_adapters.postgres.writing.locked_orders import REMEMBERED_SECONDS, LockedOrders


class _Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_order_is_known_until_it_is_reported_on_or_forgotten() -> None:
    """Only a call whose orders are all known may wait: a single other one would wait with them."""
    time = _Time()
    locked = LockedOrders(time)
    assert not locked.hold(["a"])
    locked.note(["a", "b", "c"], busy=["a", "b"])
    assert locked.hold(["a"])
    assert locked.hold(["b", "a"])
    assert not locked.hold(["a", "c"])
    time.now += REMEMBERED_SECONDS - 1
    locked.note(["b"], busy=[])
    locked.note(["c"], busy=["c"])
    assert [locked.hold([each]) for each in "abc"] == [True, False, True]
    time.now += 1
    assert [locked.hold([each]) for each in "abc"] == [False, False, True]


def test_what_is_known_does_not_pile_up() -> None:
    """What was noted long ago is forgotten when something is noted, also where it was noted again meanwhile."""
    time = _Time()
    locked = LockedOrders(time)
    locked.note(["again"], busy=["again"])
    for number in range(100):
        locked.note([f"order-{number}"], busy=[f"order-{number}"])
        time.now += 1
        locked.note(["again"], busy=["again"])
    assert locked.hold(["again"])
    assert len(locked) <= REMEMBERED_SECONDS + 1
