"""The names of a request: its id, which every answer carries, and the trace that it belongs to."""

from __future__ import annotations

import logging
from random import Random

import pytest

from order_engine_adapters.http import create_app
from order_engine_adapters.http.tracing import trace_id
from tests.unit.application.bench import Bench
from tests.unit.http.client import Client
from tests.unit.http.serving import order, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


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
    """Nobody could say which one it is."""
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
    """The id that the client was told, and the trace; so that whoever gets a complaint finds the line."""
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
        assert (await service.client.place(order(), ("traceparent", "nonsense"))).status == 201
