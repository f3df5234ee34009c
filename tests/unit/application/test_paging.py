"""Cursors of the order list: opaque, bound to their question, and harmless when they are forged."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_engine import InvalidCursor, Status
from order_engine.application.list_cursor import OrderList, decode_cursor, encode_cursor
from order_engine.ports.repository import PageKey
from tests.unit.application import test_processors
from tests.unit.application.bench import Bench, order_ids

KEY = PageKey(datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC), "order1")

statuses = st.none() | st.sampled_from(Status)
users = st.none() | st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)
usual = settings(deadline=None)


def forged(content: object) -> str:
    """Return a cursor that holds `content` as ours hold theirs."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@usual
@given(
    st.datetimes(timezones=st.just(UTC)),
    st.text(st.characters(categories=["L", "N", "S"]), min_size=1),
    statuses,
    users,
)
def test_a_cursor_comes_back_as_it_was(
    created_at: datetime, order_id: str, status: Status | None, user: str | None
) -> None:
    """For every time, id and filter; it is safe in a URL."""
    key = PageKey(created_at, order_id)
    cursor = encode_cursor(key, status, user)
    assert cursor is not None
    assert decode_cursor(cursor, status, user) == key
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_last_page_has_no_cursor_and_the_first_needs_none() -> None:
    """None stands for both."""
    assert encode_cursor(None, None, None) is None
    assert decode_cursor(None, Status.FAILED, "user1") is None


@usual
@given(statuses, users, statuses, users)
def test_a_cursor_of_another_list_is_refused(
    status: Status | None, user: str | None, other_status: Status | None, other_user: str | None
) -> None:
    """A cursor belongs to the filters that it was made with."""
    cursor = encode_cursor(KEY, status, user)
    if (status, user) == (other_status, other_user):
        assert decode_cursor(cursor, other_status, other_user) == KEY
    else:
        with pytest.raises(InvalidCursor):
            decode_cursor(cursor, other_status, other_user)


@usual
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_garbage_is_refused(cursor: str) -> None:
    """Whatever a client sends, the answer is InvalidCursor."""
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, None, None)


WHEN = KEY.created_at.isoformat()


@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        "text",
        [],
        {},
        [WHEN, "order1"],
        [WHEN, "order1", None, None, None],
        [WHEN, 7, None, None],
        [7, "order1", None, None],
        [None, "order1", None, None],
        ["2026-01-01T00:00:00", "order1", None, None],
        ["0001-01-01T00:00:00+23:59", "order1", None, None],
        ["9999-12-31T23:59:59-23:59", "order1", None, None],
        [WHEN, "nul\x00", None, None],
        [WHEN, "lone \ud800", None, None],
        [WHEN, "", None, None],
        [WHEN, "order1", ["Pending"], None],
        [WHEN, "order1", None, {}],
    ],
    ids=repr,
)
def test_forged_content_is_refused(content: object) -> None:
    """What no store can compare with, or only one that has luck, does not reach a store."""
    with pytest.raises(InvalidCursor):
        decode_cursor(forged(content), None, None)


def test_deep_nesting_is_refused() -> None:
    """A cursor that would overflow the parser's stack is no cursor."""
    content = base64.urlsafe_b64encode(b"[" * 6000).decode().rstrip("=")
    with pytest.raises(InvalidCursor):
        decode_cursor(content, None, None)


def test_a_page_is_a_sequence() -> None:
    """It can be counted, indexed, cut and gone through."""
    order = test_processors.order()
    page = OrderList([order, order], "next")
    assert len(page) == 2
    assert page[0] is order
    assert page[0:1] == [order]
    assert list(page) == [order, order]
    assert page.next == "next"


async def test_paging_is_stable_while_orders_come_in() -> None:
    """Every order that was there at the start is seen once, however many are placed meanwhile."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, *order_ids(25))
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = await engine.list(limit=4, cursor=cursor)
            seen.extend(order.order_id for order in page)
            await bench.advance(1)
            await bench.place(engine, f"later{len(seen)}")
            if (cursor := page.next) is None:
                break
        assert sorted(seen) == sorted(order_ids(25))
