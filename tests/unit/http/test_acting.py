"""Cancelling and redriving: what is answered, what is refused, and on which condition."""

from __future__ import annotations

import pytest

from order_engine import Rejected
from tests.unit.application.bench import Work, hangs, raises
from tests.unit.http.client import Response
from tests.unit.http.serving import serving


def if_match(*values: str) -> list[tuple[str, str]]:
    """Return the header fields."""
    return [("if-match", value) for value in values]


def refusal(response: Response) -> tuple[int, str, str, list[str]]:
    """Return the response to an action that is not allowed."""
    told = response.json()
    return response.status, told["code"], told["order_status"], told["allowed"]


async def test_a_pending_order_is_cancelled() -> None:
    """200 and the order, and again the same: a second cancelling changes nothing."""
    async with serving() as service:
        await service.place("order1")
        first = await service.client.post("/orders/order1/cancel")
        assert (first.status, first.json()["status"], first.header("etag")) == (200, "Cancelled", '"2"')
        assert first.body == (await service.client.get("/orders/order1")).body
        second = await service.client.post("/orders/order1/cancel")
        assert (second.status, second.body, second.header("etag")) == (200, first.body, '"2"')


async def test_a_running_order_is_told_to_stop() -> None:
    """202 and the order while its processor is being notified; then it is Cancelled."""
    async with serving(Work(hangs)) as service:
        await service.place("order1")
        response = await service.client.post("/orders/order1/cancel")
        assert (response.status, response.json()["status"]) == (202, "Processing")
        await service.bench.settle()
        assert (await service.client.get("/orders/order1/status")).json() == {"status": "Cancelled"}
        assert (await service.client.post("/orders/order1/cancel")).status == 200


async def test_a_completed_order_is_not_cancelled() -> None:
    """409, with the status that it has and the actions that are open now."""
    async with serving(Work()) as service:
        await service.place("order1")
        await service.bench.settle()
        response = await service.client.post("/orders/order1/cancel")
        assert refusal(response) == (409, "action_refused", "Completed", [])
        response = await service.client.post("/orders/order1/redrive")
        assert refusal(response) == (409, "action_refused", "Completed", [])


async def test_a_failed_order_is_redriven_and_not_cancelled() -> None:
    """200 and the order, Pending again."""
    async with serving(Work(raises(lambda: Rejected("no")))) as service:
        await service.place("order1")
        await service.bench.settle()
        response = await service.client.post("/orders/order1/cancel")
        assert refusal(response) == (409, "action_refused", "Failed", ["redrive"])
        response = await service.client.post("/orders/order1/redrive")
        told = response.json()
        assert (response.status, told["status"], told["attempts"], told["failure"]) == (200, "Pending", 0, None)
        assert response.header("etag") == f'"{told["version"]}"'


@pytest.mark.parametrize(("cancelled", "status", "allowed"), [(False, "Pending", ["cancel"]), (True, "Cancelled", [])])
async def test_only_a_failed_order_is_redriven(*, cancelled: bool, status: str, allowed: list[str]) -> None:
    """409 in every other status."""
    async with serving() as service:
        await service.place("order1")
        if cancelled:
            await service.client.post("/orders/order1/cancel")
        response = await service.client.post("/orders/order1/redrive")
        assert refusal(response) == (409, "action_refused", status, allowed)


@pytest.mark.parametrize("action", ["cancel", "redrive"])
async def test_an_order_that_is_not_there_is_not_found(action: str) -> None:
    """404, also under a condition: what is not there has no version."""
    async with serving() as service:
        for condition in ([], if_match('"1"'), if_match("*"), if_match('"1", "2"'), if_match('W/"1"')):
            response = await service.client.post(f"/orders/nobody/{action}", *condition)
            assert (response.status, response.code) == (404, "order_not_found")


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (if_match('"1"'), 200), (if_match("*"), 200), (if_match(' "1" '), 200), (if_match('"7", "1"'), 200),
        (if_match('"7"', '"1"'), 200), (if_match('W/"1", "1"'), 200), (if_match(',"1"'), 200),
        (if_match('"x","1"'), 200),
        (if_match('"2"'), 412), (if_match('W/"1"'), 412), (if_match('"2", "3"'), 412), (if_match('"01"'), 412),
        (if_match('""'), 412), (if_match('"x"'), 412), (if_match('"0"'), 412), (if_match('"-1"'), 412),
        (if_match('"' + "9" * 18 + '"'), 412), (if_match('"' + "9" * 5000 + '"'), 412),
        (if_match("1"), 400), (if_match('"1'), 400), (if_match(""), 400), (if_match(" , "), 400),
        (if_match('*, "1"'), 400),
        (if_match('"1" "2"'), 400), (if_match('"1" ' * 2000), 400), (if_match("," * 5000), 400),
    ],
)  # fmt: skip
async def test_a_condition_is_kept(condition: list[tuple[str, str]], status: int) -> None:
    """`If-Match` uses strong comparison. Without a match 412 and no effect; invalid tags get an error."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.post("/orders/order1/cancel", *condition)
        assert response.status == status
        assert await service.version("order1") == (2 if status == 200 else 1)
        if status == 412:
            assert response.code == "version_mismatch"


async def test_a_condition_is_kept_on_redrive() -> None:
    """Likewise."""
    async with serving(Work(raises(lambda: Rejected("no")))) as service:
        await service.place("order1")
        await service.bench.settle()
        assert (await service.client.post("/orders/order1/redrive", *if_match('"1"'))).status == 412
        assert (await service.client.post("/orders/order1/redrive", *if_match('"1", "3"'))).status == 200


STALE = [if_match('"99"'), if_match('W/"1"'), if_match('"99", "98"'), if_match('"x"')]


@pytest.mark.parametrize("condition", STALE, ids=repr)
@pytest.mark.parametrize(
    ("status", "cancel", "redrive"),
    [
        ("Pending", 412, 409),
        ("Processing", 412, 409),
        ("Failed", 409, 412),
        ("Completed", 409, 409),
        ("Cancelled", 412, 409),
    ],
)
async def test_a_condition_counts_where_the_action_would_succeed(
    condition: list[tuple[str, str]], status: str, cancel: int, redrive: int
) -> None:
    """409 in every other status: what is refused without a condition is refused for the same (section 13.2.1)."""
    works = {"Processing": Work(hangs), "Failed": Work(raises(lambda: Rejected("no"))), "Completed": Work()}
    async with serving(works.get(status)) as service:
        await service.place("order1")
        if status == "Cancelled":
            assert (await service.client.post("/orders/order1/cancel")).status == 200
        elif status in works:
            await service.bench.settle()
        before = await service.bench.order("order1")
        assert before.status == status
        for action, refused in (("cancel", cancel), ("redrive", redrive)):
            response = await service.client.post(f"/orders/order1/{action}", *condition)
            code = "version_mismatch" if refused == 412 else "action_refused"
            assert (response.status, response.code) == (refused, code), action
        assert await service.bench.order("order1") == before


async def test_an_action_takes_no_notice_of_a_body() -> None:
    """The body of an action is ignored."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.send("POST", "/orders/order1/cancel", [("content-type", "text/plain")], b"x")
        assert response.status == 200
