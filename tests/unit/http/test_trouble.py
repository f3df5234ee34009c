"""Trouble behind the interface: an engine that does not run, a repository that is away, and errors of our own."""

from __future__ import annotations

import asyncio
import logging

import pytest

from order_engine import OrderEngine, OrderEngineError, OutcomeUnknown, RepositoryHeld, Unavailable
from order_engine.application.engine import internals_of
from order_engine_adapters.http import create_app
from tests.unit.application.bench import Bench, Work, new_order
from tests.unit.application.faults import AnswersShort, Forgets, LosesAnswer, NeverAnswers, Raises
from tests.unit.http.batches import STREAM
from tests.unit.http.client import JSON_BODY, NDJSON_BODY, Client
from tests.unit.http.serving import CREATED, Service, order, serving, text

READS = ["/orders/order1", "/orders/order1/status", "/orders/order1/history", "/orders", "/metrics"]
INSIDE = "the table orders_v7 of host db3"


async def test_an_engine_that_was_not_started_is_answered_with_503() -> None:
    """With Retry-After, and alive all the same; the host may start it later."""
    bench = Bench()
    engine = bench.build()
    client = Client(create_app(engine))
    for target in [*READS, "/readyz"]:
        response = await client.get(target)
        assert (response.status, response.code, response.header("retry-after")) == (503, "not_running", "1")
    for target in ["/orders/order1/cancel", "/orders/order1/redrive"]:
        assert (await client.post(target)).status == 503
    assert (await client.place(order())).status == 503
    assert (await client.get("/livez")).status == 200
    async with engine:
        assert (await client.place(order())).status == 201
        assert (await client.get("/readyz")).body == b'{"status":"ready"}'


async def test_an_engine_that_drains_takes_no_orders_and_answers_questions() -> None:
    """503 for new orders from the first moment; reads and actions work."""
    async with serving() as service:
        await service.place("order1")
        await service.engine.drain()
        refused = [
            await service.client.place(order("order2")),
            await service.client.place(order("order1")),
            await service.client.get("/readyz"),
        ]
        for response in refused:
            assert (response.status, response.code) == (503, "not_running")
        for target in [*READS, "/livez"]:
            assert (await service.client.get(target)).status == 200
        batch = await service.client.send("POST", "/orders/batch", NDJSON_BODY, text("order2"))
        assert [line["code"] for line in batch.lines()[:-1]] == [503]
        assert await service.total_orders() == 1
        assert (await service.client.post("/orders/order1/cancel")).json()["status"] == "Cancelled"
        assert (await service.client.post("/orders/order1/redrive")).code == "action_refused"


async def test_a_placing_under_way_is_finished_while_the_engine_drains() -> None:
    """Its client is answered."""
    async with serving() as service:
        placing = asyncio.ensure_future(service.client.place(order("order1")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await service.engine.drain()
        assert (await placing).status in {201, 503}
        assert await service.total_orders() == ((await placing).status == 201)


async def test_a_repository_that_is_away_is_answered_with_503() -> None:
    """With Retry-After, not ready, alive; and it heals without a restart."""
    async with serving() as service:
        await service.place("order1")
        service.bench.repository.unavailable = True
        for target in READS:
            response = await service.client.get(target)
            assert (response.status, response.code, response.header("retry-after")) == (503, "unavailable", "1")
        assert (await service.client.place(order("order2"))).code == "unavailable"
        for action in ("cancel", "redrive"):
            assert (await service.client.post(f"/orders/order1/{action}")).code == "unavailable"
        assert (await service.client.get("/readyz")).status == 503
        assert (await service.client.get("/livez")).body == b'{"status":"alive"}'
        service.bench.repository.unavailable = False
        await service.bench.advance(2)
        assert (await service.client.get("/readyz")).status == 200
        assert (await service.client.place(order("order2"))).body == CREATED


@pytest.mark.parametrize("error", [Unavailable(INSIDE), OutcomeUnknown(INSIDE), RepositoryHeld(INSIDE, 1, INSIDE)])
async def test_no_answer_tells_what_an_adapter_says_of_its_surroundings(error: OrderEngineError) -> None:
    """Hosts, databases, users and files are in the log alone, whatever is asked for and however it fails."""
    async with serving(request_seconds=0.2) as service:
        await service.place("order1")
        for operation in ("add", "apply", "get", "list", "history", "events", "statistics"):
            service.bench.repository.plan(Raises(error), operation)
        gets = [*READS, "/events", "/orders/order1/events", "/"]
        asked = [service.client.get(target) for target in gets]
        asked += [service.client.post(f"/orders/order1/{action}") for action in ("cancel", "redrive")]
        asked += [service.client.place(order("order2"))]
        asked += [service.client.send("POST", "/orders/batch", NDJSON_BODY, text("order3"))]
        asked += [service.client.get("/metrics", ("accept", "text/plain")), service.client.get("/readyz")]
        for each in asked:
            response = await service.bench.within(5, each)
            assert INSIDE not in response.body.decode()
            assert INSIDE not in str(response.headers)
        service.bench.repository.heal()


async def test_the_figures_of_a_process_are_told_without_its_repository() -> None:
    """The text formats omit the counts, and one metric reports that."""
    async with serving() as service:
        await service.place("order1")
        service.bench.repository.unavailable = True
        for accepted in ("application/openmetrics-text", "text/plain"):
            response = await service.client.get("/metrics", ("accept", accepted))
            lines = response.body.decode().splitlines()
            assert response.status == 200
            assert {"order_engine_repository_up 0", "order_engine_ready 0", "order_engine_event_streams 0"} <= set(
                lines
            )
            assert not [line for line in lines if "orders" in line and not line.startswith("# HELP")]
        assert (await service.client.get("/metrics")).code == "unavailable"
        service.bench.repository.unavailable = False
        await service.bench.advance(2)
        response = await service.client.get("/metrics", ("accept", "text/plain"))
        assert "order_engine_repository_up 1" in response.body.decode()


async def test_the_figures_do_not_wait_for_a_repository_that_hangs() -> None:
    """They take half of the request timeout at most, since scrapers have a timeout, too."""
    async with serving(request_seconds=0.2) as service:
        service.bench.repository.plan(NeverAnswers(), "statistics")
        response = await service.client.get("/metrics", ("accept", "text/plain"))
        assert "order_engine_repository_up 0" in response.body.decode()
        service.bench.repository.heal()


async def test_readiness_says_why() -> None:
    """A distinct state for each reason, for people and probes."""
    bench = Bench()
    engine = bench.build()
    client = Client(create_app(engine))

    async def told() -> tuple[int, str, str]:
        response = await client.get("/readyz")
        return response.status, response.code, response.json()["state"]

    assert await told() == (503, "not_running", "starting")
    await engine.__aenter__()
    assert (await client.get("/readyz")).body == b'{"status":"ready"}'
    bench.repository.unavailable = True
    await client.get("/orders/order1")
    assert await told() == (503, "unavailable", "unavailable")
    bench.repository.unavailable = False
    await bench.advance(2)
    await bench.within(5, engine.drain())
    assert await told() == (503, "not_running", "draining")
    await bench.end(engine)
    assert await told() == (503, "not_running", "stopped")


async def test_an_answer_that_got_lost_is_found_out() -> None:
    """201 if the order was stored; the first response may then be marked as a replay."""
    async with serving() as service:
        service.bench.repository.plan(LosesAnswer(), "add", 1)
        placing = asyncio.ensure_future(service.client.place(order()))
        response = await service.bench.within(5, placing)
        assert (response.status, response.body) == (201, CREATED)
        assert await service.total_orders() == 1


async def test_an_outcome_that_stays_unknown_is_said() -> None:
    """503, and the same request may be sent again."""
    async with serving(request_seconds=10) as service:
        service.bench.repository.plan(Forgets(), "add")
        placing = asyncio.ensure_future(service.client.place(order()))
        response = await service.bench.within(30, placing)
        assert (response.status, response.code, response.header("retry-after")) == (503, "outcome_unknown", "1")
        service.bench.repository.heal()
        assert (await service.client.place(order())).status == 201


async def test_a_request_has_a_time_limit() -> None:
    """Where nothing comes back at all, 503 after that."""
    async with serving(request_seconds=0.05) as service:
        service.bench.repository.plan(NeverAnswers(), "get")
        response = await service.client.get("/orders/order1")
        assert (response.status, response.code) == (503, "outcome_unknown")
        service.bench.repository.heal()
        await service.bench.advance(5)


async def test_a_service_at_its_limits_says_when_to_come_back() -> None:
    """503 with Retry-After, and nothing is stored."""
    async with serving(bench=Bench(capacity=1)) as service:
        await service.place("order1")
        response = await service.client.place(order("order2"))
        assert (response.status, response.code, response.header("retry-after")) == (503, "overloaded", "1")
        assert (await service.client.place(order("order1"))).status == 201


async def test_too_many_placings_at_once_are_refused() -> None:
    """Those that may wait are placed, the others get 503."""
    async with serving(max_waiting=5) as service:
        responses = await asyncio.gather(*(service.client.place(order(f"order{each}")) for each in range(8)))
        statuses = [response.status for response in responses]
        assert sorted(statuses) == [201] * 5 + [503] * 3
        assert await service.total_orders() == 5


@pytest.mark.parametrize("fault", [Raises(ValueError(INSIDE)), Raises(ZeroDivisionError(INSIDE)), AnswersShort()])
async def test_an_adapter_that_breaks_its_port_is_our_error(
    fault: Raises | AnswersShort, caplog: pytest.LogCaptureFixture
) -> None:
    """500 without internals; the log has them."""
    async with serving() as service:
        service.bench.repository.plan(fault, "add")
        response = await service.client.place(order())
        assert (response.status, response.code) == (500, "internal_error")
        assert INSIDE not in response.body.decode()
        batch = await service.client.send("POST", "/orders/batch", NDJSON_BODY, text("order2"))
        assert [line["code"] for line in batch.lines()[:-1]] == [500]
        assert INSIDE not in batch.body.decode()
        service.bench.repository.heal()
    assert "order_engine.http" in {record.name for record in caplog.records}


class Broken:
    """An engine with an unexpected error."""

    def __init__(self, service: Service) -> None:
        """Stand in for the service's engine."""
        self._engine = service.engine
        self.options = service.engine.options
        self._internals = internals_of(service.engine)
        self.calls = 0

    async def get(self, _: str) -> None:
        """Break."""
        raise ZeroDivisionError(INSIDE)

    async def place_many(self, orders: list[object]) -> list[object]:
        """Place the first orders, break at the second call."""
        self.calls += 1
        if self.calls > 1:
            raise ZeroDivisionError(INSIDE)
        return list(await self._engine.place_many([new_order(f"order{each}") for each, _ in enumerate(orders)]))


def broken(service: Service) -> Client:
    """Return a client of an application that breaks."""
    engine: OrderEngine = Broken(service)  # type: ignore[assignment] # that is the point
    return Client(create_app(engine))


async def test_an_unexpected_error_is_a_problem_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    """500, and the log has the rest; the next request is answered."""
    async with serving() as service:
        response = await broken(service).get("/orders/order1")
        assert (response.status, response.code) == (500, "internal_error")
        assert INSIDE not in response.body.decode()
        assert (await broken(service).send("HEAD", "/orders/order1")).status == 500
    assert INSIDE in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_an_unexpected_error_in_the_middle_of_a_batch_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """No second response is begun: what was answered stays, and the end of the body does not come."""
    async with serving(Work()) as service:
        exchange = broken(service).begin("POST", "/orders/batch", [*NDJSON_BODY, STREAM])
        exchange.part(text("order0") + b"\n")
        assert (await exchange.line(1))["code"] == 201
        exchange.part(text("order1") + b"\n")
        await exchange.task
        assert [message["type"] for message in exchange.sent] == ["http.response.start", "http.response.body"]
        assert exchange.sent[-1]["more_body"]
    assert INSIDE in caplog.text


async def test_an_unexpected_error_before_a_batch_is_answered_is_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    """Buffered results are dropped, since they would look complete."""
    async with serving(Work()) as service:
        body = [text(f"order{number}") + b"\n" for number in range(2)]
        response = await broken(service).send("POST", "/orders/batch", NDJSON_BODY, body)
        assert (response.status, response.code) == (500, "internal_error")
    assert INSIDE in caplog.text


async def test_a_caller_that_is_cancelled_leaves_nothing_behind() -> None:
    """A server that drops a request in the middle of it harms no other."""
    async with serving() as service:
        exchange = service.client.begin("POST", "/orders", JSON_BODY)
        exchange.part(text("order1"), last=True)
        await asyncio.sleep(0)
        exchange.task.cancel()
        await asyncio.wait([exchange.task])
        assert (await service.client.place(order("order2"))).status == 201
