"""Reading orders: one, its status, its history, with conditions, HEAD and what is not there."""

from __future__ import annotations

import pytest

from order_engine import Rejected
from order_engine.contracts.samples import terms
from order_engine.domain.commands import Action, Command
from tests.unit.application.bench import Work, raises
from tests.unit.http.serving import order, serving

FIELDS = [
    "order_id", "user_id", "item_ids", "total_amount", "currency", "attributes", "status", "version", "attempts",
    "created_at", "processing_started_at", "ended_at", "failure",
]  # fmt: skip


async def test_an_order_is_told_with_how_it_stands() -> None:
    """The fields that were placed and the state, times in UTC with microseconds, and the tag of this version."""
    async with serving(Work()) as service:
        await service.place("order1")
        await service.bench.settle()
        response = await service.client.get("/orders/order1")
        told = response.json()
        assert list(told) == FIELDS
        assert (told["status"], told["version"], told["attempts"]) == ("Completed", 3, 1)
        assert told["created_at"] == told["processing_started_at"] == told["ended_at"] == "2026-01-01T00:00:00.000000Z"
        assert (told["currency"], told["attributes"], told["failure"]) == (None, None, None)
        assert response.header("etag") == '"3"'


async def test_a_failed_order_says_why() -> None:
    """The reason is the processor's."""
    async with serving(Work(raises(lambda: Rejected("out of \u00e9 stock")))) as service:
        await service.place("order1")
        await service.bench.settle()
        told = (await service.client.get("/orders/order1")).json()
        assert told["status"] == "Failed"
        assert "out of \u00e9 stock" in told["failure"]


async def test_the_status_alone_is_told() -> None:
    """Exactly the one field."""
    async with serving() as service:
        await service.place("order1")
        assert (await service.client.get("/orders/order1/status")).body == b'{"status":"Pending"}'


async def test_the_history_is_told_whole() -> None:
    """One event a version, with token, attempt and reason where there are any, over any number of pages."""
    async with serving(Work(raises(lambda: ValueError("no"))), page_limit=2, max_attempts=3) as service:
        await service.place("order1")
        await service.bench.advance(600)
        told = (await service.client.get("/orders/order1/history")).json()
        assert list(told) == ["events"]
        events = told["events"]
        assert [event["version"] for event in events] == list(range(1, len(events) + 1))
        kinds = ["placed", "claimed", "retried", "claimed", "retried", "claimed", "failed"]
        assert [event["type"] for event in events] == kinds
        placed = {"version": 1, "type": "placed", "status": "Pending", "at": "2026-01-01T00:00:00.000000Z"}
        assert events[0] == placed
        assert events[1] == placed | {"version": 2, "type": "claimed", "status": "Processing", "token": 1, "attempt": 1}
        assert (events[-1]["token"], events[-1]["attempt"]) == (3, 3)
        assert "no" in events[-1]["reason"]


async def test_a_history_that_fills_its_last_page_ends_there() -> None:
    """Also if the number of events is a multiple of the page size."""
    async with serving(page_limit=2) as service:
        await service.place("order1")
        await service.client.post("/orders/order1/cancel")
        events = (await service.client.get("/orders/order1/history")).json()["events"]
        assert [event["type"] for event in events] == ["placed", "cancelled"]


@pytest.mark.parametrize("target", ["/orders/nobody", "/orders/nobody/status", "/orders/nobody/history"])
async def test_an_order_that_is_not_there_is_not_found(target: str) -> None:
    """404, whatever is asked of it."""
    async with serving() as service:
        response = await service.client.get(target)
        assert (response.status, response.code) == (404, "order_not_found")


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"1"', 304), ('W/"1"', 304), ("*", 304), ('"7", "1"', 304), ('"7" , W/"1","8"', 304), (',"1",', 304),
        ('"2"', 200), ('W/"2", "3"', 200), ('"11"', 200), ('"01"', 200), ('""', 200), ('"a,b"', 200), ('"\xe9"', 200),
        ("1", 400), ('"1', 400), ('w/"1"', 400), ('"1" "2"', 400), ('*, "1"', 400), ("", 400), (",", 400),
        ('"1" ' * 2000, 400),
    ],
)  # fmt: skip
async def test_an_order_is_sent_only_where_it_has_changed(condition: str, status: int) -> None:
    """`If-None-Match` uses weak comparison and supports lists and `*`; invalid tags get an error."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.get("/orders/order1", ("if-none-match", condition))
        assert response.status == status
        if status == 304:
            assert (response.header("etag"), response.header("content-type")) == ('"1"', None)


async def test_conditions_in_several_fields_are_one_list() -> None:
    """As section 5.3 of RFC 9110 has it."""
    async with serving() as service:
        await service.place("order1")
        fields = [("if-none-match", '"7"'), ("if-none-match", '"1"')]
        assert (await service.client.get("/orders/order1", *fields)).status == 304


async def test_a_changed_order_is_sent_again() -> None:
    """Each event makes a new tag."""
    async with serving() as service:
        await service.place("order1")
        tag = (await service.client.get("/orders/order1")).header("etag")
        await service.client.post("/orders/order1/cancel")
        response = await service.client.get("/orders/order1", ("if-none-match", tag or ""))
        assert (response.status, response.header("etag")) == (200, '"2"')


@pytest.mark.parametrize(
    "target",
    ["/orders/order1", "/orders/order1/status", "/orders/order1/history", "/orders", "/orders?limit=0", "/metrics",
     "/livez", "/readyz", "/orders/nobody", "/nowhere", "/orders/order1/cancel"],
)  # fmt: skip
async def test_head_is_get_without_the_body(target: str) -> None:
    """The same status and the same header fields, also where it is refused."""
    async with serving() as service:
        await service.place("order1")
        named = ("x-request-id", "request-1")
        get, head = await service.client.get(target, named), await service.client.send("HEAD", target, (named,))
        assert (head.status, head.body) == (get.status, b"")
        if get.status != 405:
            assert head.headers == get.headers


async def test_head_keeps_conditions() -> None:
    """304 as for GET."""
    async with serving() as service:
        await service.place("order1")
        assert (await service.client.send("HEAD", "/orders/order1", [("if-none-match", "*")])).status == 304


async def test_an_order_may_be_called_batch() -> None:
    """Its id is as good as any; what is posted to that path places many."""
    async with serving() as service:
        response = await service.client.place(order("batch"))
        assert response.header("location") == "/orders/batch"
        for target in ("/orders/batch", "/orders/batch/status", "/orders/batch/history"):
            assert (await service.client.get(target)).status == 200
        assert (await service.client.send("HEAD", "/orders/batch")).status == 200
        assert (await service.client.post("/orders/batch/cancel")).json()["status"] == "Cancelled"


async def test_metrics_count_exactly() -> None:
    """Total orders, the mean time to completion, all five statuses."""
    async with serving() as service:
        empty = (await service.client.get("/metrics")).json()
        statuses = dict.fromkeys(("Pending", "Processing", "Completed", "Failed", "Cancelled"), 0)
        assert empty == {"total_orders": 0, "average_processing_time": 0, "status_counts": statuses}
        await service.place("order1", "order2", "order3")
        await service.client.post("/orders/order1/cancel")
        counted = (await service.client.get("/metrics")).json()
        assert counted["total_orders"] == 3
        assert counted["status_counts"] == statuses | {"Pending": 2, "Cancelled": 1}


async def test_a_long_history_is_sent_page_by_page() -> None:
    """It is one document but never in memory as a whole: each part has the events of one page."""
    async with serving(page_limit=3) as service:
        await service.place("order1")
        commands = [Command("order1", Action.FAIL, token=token, reason="no") for token in range(1, 5)]
        for number, command in enumerate(commands):
            await service.bench.store.claim(terms(f"claim-{number}"))
            await service.bench.store.apply([command, Command("order1", Action.REDRIVE)])
        response = await service.client.get("/orders/order1/history")
        events = response.json()["events"]
        assert [event["version"] for event in events] == list(range(1, 14))
        assert response.header("content-length") is None
        assert (await service.client.send("HEAD", "/orders/order1/history")).body == b""
        short = await service.client.get("/orders/unknown/history")
        assert (short.status, short.code) == (404, "order_not_found")
