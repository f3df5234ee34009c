"""The names of a request: its id, which every answer carries, and its trace, which the order keeps that it places."""

from __future__ import annotations

import logging
import re
from random import Random

import pytest

from order_engine import Rejected
from order_engine_adapters.http import create_app
from order_engine_adapters.http.messages.request_id import trace_id
from tests.unit.application.bench import Bench, Work, raises
from tests.unit.http.batches import BATCH, FORMS, body_of, codes, encoded, headers_of, items
from tests.unit.http.client import Client
from tests.unit.http.serving import CREATED, order, pointers, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.mark.parametrize("sane", ["a", "x" * 128, "01HF.z_~:@/+=-", "b3c1f5de-7f0a-4d0c-9b2e-3f1a7c2d9e10"])
async def test_a_sane_id_is_kept(sane: str) -> None:
    """On an answer, a refusal, and where there is nothing."""
    async with serving() as service:
        for target in ("/livez", "/orders/nobody", "/nowhere"):
            assert (await service.client.get(target, ("x-request-id", sane))).header("x-request-id") == sane


@pytest.mark.parametrize("mad", ["", "x" * 129, "a b", "a\tb", "<b>", 'a"b', "a\x1b[0m", "ü", "a;b", "${a}", "a\\b"])
async def test_any_other_is_replaced(mad: str) -> None:
    """Nothing of it is sent back."""
    async with serving() as service:
        given = (await service.client.get("/orders/nobody", ("x-request-id", mad))).header("x-request-id")
        assert given is not None
        assert given != mad


async def test_two_ids_are_none() -> None:
    """Two ids are ambiguous."""
    async with serving() as service:
        twice = (("x-request-id", "a"), ("x-request-id", "b"))
        assert (await service.client.get("/livez", *twice)).header("x-request-id") not in {"a", "b"}


async def test_ids_that_are_made_differ() -> None:
    """Within one application by their number, between two by their beginning."""
    engine = Bench().build()
    apps = [create_app(engine, random=Random(seed)) for seed in range(3)]  # noqa: S311 - an id is no secret
    made = [(await Client(app).get("/livez")).header("x-request-id") for app in apps for _ in range(3)]
    assert len(set(made)) == 9


async def test_a_failure_is_logged_under_its_names(caplog: pytest.LogCaptureFixture) -> None:
    """With the request id and the trace id, so that a complaint leads to the line."""
    async with serving() as service:
        service.bench.repository.get = None  # type: ignore[assignment, method-assign]
        with caplog.at_level(logging.ERROR):
            names = (("x-request-id", "request-1"), ("traceparent", PARENT))
            response = await service.client.get("/orders/order1", *names)
    assert (response.status, response.json()["request_id"]) == (500, "request-1")
    assert f"(request request-1, trace {TRACE})" in caplog.text


@pytest.mark.parametrize(
    "parent", [PARENT, PARENT[:-2] + "00", "cc" + PARENT[2:], "01" + PARENT[2:] + "-what-comes-later"]
)
def test_a_valid_parent_names_the_trace(parent: str) -> None:
    """Later versions may append to it (W3C Trace Context, section 3.2.4)."""
    assert trace_id({"headers": [(b"traceparent", parent.encode())]}) == TRACE


@pytest.mark.parametrize(
    "parent",
    ["", PARENT.upper(), PARENT + "-x", "ff" + PARENT[2:], PARENT[:-1], PARENT.replace(TRACE, "0" * 32), "0" + PARENT,
     PARENT.replace("00f067aa0ba902b7", "0" * 16), "01" + PARENT[2:] + "x", PARENT + "\n", PARENT.replace("-", "_")],
)  # fmt: skip
def test_any_other_names_none(parent: str) -> None:
    """A request with a broken one is answered all the same: it begins a trace of its own."""
    assert trace_id({"headers": [(b"traceparent", parent.encode())]}) is None


async def test_two_parents_are_none() -> None:
    """And a request is not refused for it."""
    twice = [(b"traceparent", PARENT.encode())] * 2
    assert trace_id({"headers": twice}) is None
    async with serving() as service:
        response = await service.client.place(order(), *(("traceparent", PARENT),) * 2)
        assert response.status == 201
        assert (await service.bench.order("order1")).trace_parent is None


async def test_an_order_keeps_the_trace_of_its_placing() -> None:
    """The processor gets it, and every response with the order contains it."""
    work = Work(raises(Rejected))
    async with serving(work) as service:
        assert (await service.client.place(order(), ("traceparent", PARENT))).body == CREATED
        await service.bench.settle()
        told = [
            (await service.client.get("/orders/order1")).json(),
            (await service.client.get("/orders")).json()["orders"][0],
            (await service.client.post("/orders/order1/redrive")).json(),
        ]
        await service.bench.settle()
    async with serving() as service:
        await service.client.place(order(), ("traceparent", PARENT))
        told.append((await service.client.post("/orders/order1/cancel")).json())
    assert [each.trace_parent for each in work.started] == [PARENT, PARENT]
    assert [each["traceparent"] for each in told] == [PARENT] * 4


async def test_an_order_stays_in_the_trace_of_its_first_placing() -> None:
    """Sent again in another trace it is a replay, by its id and by its key; as is one first sent without a trace."""
    key = ("idempotency-key", "a")
    async with serving() as service:
        await service.client.place(order(None), ("traceparent", PARENT), key)
        await service.client.place(order("order2"))
        for another in ((), (("traceparent", OTHER_PARENT),)):
            for response in (
                await service.client.place(order(None), *another, key),
                await service.client.place(order("order2"), *another),
            ):
                assert (response.status, response.header("idempotent-replayed")) == (201, "true")
        orders = (await service.client.get("/orders")).json()["orders"]
    assert [each.get("traceparent", "absent") for each in orders] == ["absent", PARENT]


@pytest.mark.parametrize("nonsense", ["", "nonsense", PARENT.upper(), PARENT + "-x", "\xe9" * 55, "ff" + PARENT[2:]])
async def test_a_broken_parent_costs_no_order(nonsense: str) -> None:
    """The order begins a trace of its own: it has no such field."""
    async with serving() as service:
        assert (await service.client.place(order(), ("traceparent", nonsense))).status == 201
        assert "traceparent" not in (await service.client.get("/orders/order1")).json()


async def test_a_parent_of_a_later_version_is_told_as_one_of_the_first() -> None:
    """That is what a program of today can continue (section 3.2.4)."""
    async with serving() as service:
        await service.client.place(order(), ("traceparent", f"cc{PARENT[2:]}-what-comes-later"))
        assert (await service.client.get("/orders/order1")).json()["traceparent"] == PARENT


@pytest.mark.parametrize("form", FORMS)
async def test_the_orders_of_a_batch_share_its_trace(form: str) -> None:
    """There is one header for all of them; without one, none has a trace."""
    async with serving() as service:
        for number, fields in enumerate(((), (("traceparent", PARENT),))):
            elements = [encoded(order(f"order{number}{letter}")) for letter in "ab"]
            headers = (*headers_of(form), *fields)
            response = await service.client.send("POST", BATCH, headers, body_of(form, elements))
            assert codes(items(form, response)) == [201, 201]
        orders = (await service.client.get("/orders")).json()["orders"]
    told = {each["order_id"]: each.get("traceparent") for each in orders}
    assert told == {"order0a": None, "order0b": None, "order1a": PARENT, "order1b": PARENT}


async def test_the_document_describes_what_is_told() -> None:
    """A field that an order may have, in the one form; absent is the rule."""
    async with serving() as service:
        schema = (await service.client.get("/openapi.json")).json()["components"]["schemas"]["Order"]
    assert "traceparent" not in schema["required"]
    assert re.search(schema["properties"]["traceparent"]["pattern"], PARENT)


async def test_a_traceparent_in_the_body_is_no_field() -> None:
    """A trace is the request's, not the order's content: it has its header."""
    async with serving() as service:
        response = await service.client.place(order(traceparent=PARENT))
        assert (response.status, pointers(response)) == (422, ["/traceparent"])
