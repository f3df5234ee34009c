"""Batches that are streamed both ways, as their client prefers: when answers come, and who is given up."""

from __future__ import annotations

import asyncio
import gc
import json

import pytest
from starlette.types import Message

from order_engine_adapters.http import HttpLimits
from tests.unit.http.batches import ARRAY, BATCH, FORMS, LINES, STREAM, body_of, codes, created, headers_of, items
from tests.unit.http.client import JSON_BODY, NDJSON_BODY
from tests.unit.http.serving import Service, serving, text

PATIENT = HttpLimits(body_seconds=5)
IMPATIENT = HttpLimits(body_seconds=0.05)


async def test_a_line_is_answered_with_a_whole_line_before_the_next_is_sent() -> None:
    """A client can send one order, wait for its result, and send the next."""
    async with serving(limits=PATIENT) as service:
        exchange = service.client.begin("POST", BATCH, [*NDJSON_BODY, STREAM])
        for number in range(1, 4):
            exchange.part(text(f"order{number}") + b"\n")
            assert await exchange.line(number) == created(f"order{number}")
        exchange.part(b"", last=True)
        assert codes(items(LINES, await exchange.response())) == [201, 201, 201]


async def test_an_element_of_an_array_is_answered_as_soon_as_it_is_closed() -> None:
    """Not only when the comma after it comes."""
    async with serving(limits=PATIENT) as service:
        exchange = service.client.begin("POST", BATCH, [*JSON_BODY, STREAM])
        expected = b""
        for number in range(1, 4):
            exchange.part((b"[" if number == 1 else b",") + text(f"order{number}"))
            answer = json.dumps(created(f"order{number}"), separators=(",", ":")).encode()
            expected += (b"[" if number == 1 else b",\n") + answer
            assert await exchange.body_of(len(expected)) == expected
        exchange.part(b"]", last=True)
        assert codes(items(ARRAY, await exchange.response())) == [201, 201, 201]


@pytest.mark.parametrize("form", FORMS)
async def test_a_client_may_read_nothing_until_it_has_sent_everything(form: str) -> None:
    """The answers wait for it."""
    async with serving(limits=PATIENT) as service:
        elements = [text(f"order{number}") for number in range(2000)]
        exchange = service.client.begin("POST", BATCH, [*headers_of(form), STREAM])
        exchange.reads = False
        body = body_of(form, elements)
        for at in range(0, len(body), 10_000):
            exchange.part(body[at : at + 10_000])
        exchange.part(b"", last=True)
        async with asyncio.timeout(10):
            while await service.total_orders() < len(elements):
                await service.bench.settle()
        assert exchange.sent == []
        exchange.read_on()
        answers = items(form, await exchange.response())
        assert answers == [created(f"order{number}") for number in range(2000)]


@pytest.mark.parametrize("form", FORMS)
async def test_a_client_that_never_reads_is_given_up(form: str) -> None:
    """Its request ends without an error of ours, and no more of its orders are taken than may stay unread."""
    async with serving(limits=HttpLimits(body_seconds=0.05, unread_bytes=1000)) as service:
        exchange = service.client.begin("POST", BATCH, [*headers_of(form), STREAM])
        exchange.reads = False
        elements = [text(f"order{number}") for number in range(100)]
        for at, element in enumerate(elements):
            exchange.part((b"[" if form == ARRAY and at == 0 else b"") + element + (b"," if form == ARRAY else b"\n"))
        async with asyncio.timeout(5):
            await exchange.task
        assert exchange.sent == []
        assert 10 <= await service.total_orders() < 50
        await nothing_is_left(service)


async def test_a_client_that_stops_reading_at_the_end_is_given_up() -> None:
    """All of its orders are placed by then."""
    async with serving(limits=IMPATIENT) as service:
        exchange = service.client.begin("POST", BATCH, [*NDJSON_BODY, STREAM])
        exchange.reads = False
        exchange.part(text("order1"), last=True)
        async with asyncio.timeout(5):
            await exchange.task
        assert await service.total_orders() == 1
        await nothing_is_left(service)


async def test_a_slow_reader_is_waited_for() -> None:
    """While it keeps reading, even if that takes longer than the silence limit."""
    async with serving(limits=HttpLimits(body_seconds=0.8, unread_bytes=100)) as service:
        exchange = service.client.begin("POST", BATCH, [*NDJSON_BODY, STREAM])
        for number in range(20):
            exchange.part(text(f"order{number}") + b"\n")
        exchange.part(b"", last=True)
        for number in range(1, 6):
            exchange.reads = False
            await asyncio.sleep(0.2)
            exchange.read_on()
            await exchange.line(number)
        assert codes(items(LINES, await exchange.response())) == [201] * 20


@pytest.mark.parametrize("form", FORMS)
async def test_a_batch_that_falls_silent_is_answered_so_far(form: str) -> None:
    """Then one last 408, and nothing of what was not whole."""
    async with serving(limits=IMPATIENT) as service:
        exchange = service.client.begin("POST", BATCH, [*headers_of(form), STREAM])
        exchange.part(body_of(form, [text("order1"), text("order2")])[:-5])
        answers = items(form, await exchange.response())
        assert codes(answers) == [201, 408]
        assert answers[-1]["problem"]["code"] == "request_timed_out"
        assert await service.total_orders() == 1


@pytest.mark.parametrize("form", FORMS)
async def test_a_client_that_leaves_in_the_middle_has_placed_what_was_whole(form: str) -> None:
    """It gets no more answers; sending the batch again replays."""
    async with serving() as service:
        exchange = service.client.begin("POST", BATCH, [*headers_of(form), STREAM])
        exchange.part(body_of(form, [text("order1"), text("order2")])[:-5])
        exchange.leave()
        async with asyncio.timeout(5):
            await exchange.task
        assert await service.total_orders() == 1
        await nothing_is_left(service)


@pytest.mark.parametrize("error", [BrokenPipeError(), ConnectionResetError("gone"), OSError()])
@pytest.mark.parametrize("orders", [1, 2])
async def test_a_server_may_say_by_an_error_that_the_client_has_left(orders: int, error: OSError) -> None:
    """As ASGI has it since 2.4: the request ends at once, quietly, and leaves nothing behind."""
    async with serving(limits=HttpLimits(body_seconds=60)) as service:

        async def send(_: Message) -> None:
            raise error

        incoming: asyncio.Queue[Message] = asyncio.Queue()
        body = b"\n".join(text(f"order{number}") for number in range(orders))
        incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        headers = [(name.encode(), value.encode()) for name, value in [*NDJSON_BODY, STREAM]]
        scope = {"type": "http", "method": "POST", "path": BATCH, "query_string": b"", "headers": headers}
        async with asyncio.timeout(5):
            await service.app(scope, incoming.get, send)
        assert await service.total_orders() == orders
        await nothing_is_left(service)


async def test_a_batch_that_is_cancelled_leaves_nothing_behind() -> None:
    """A server that shuts down cancels its requests."""
    async with serving() as service:
        exchange = service.client.begin("POST", BATCH, [*NDJSON_BODY, STREAM])
        exchange.part(text("order1") + b"\n")
        await exchange.line(1)
        exchange.task.cancel()
        await asyncio.wait([exchange.task])
        assert exchange.task.cancelled()
        await nothing_is_left(service)


async def test_a_drain_in_the_middle_of_a_batch_refuses_the_rest() -> None:
    """What was placed is answered, what comes later gets 503."""
    async with serving() as service:
        exchange = service.client.begin("POST", BATCH, [*NDJSON_BODY, STREAM])
        exchange.part(text("order1") + b"\n")
        await exchange.line(1)
        await service.engine.drain()
        exchange.part(text("order2") + b"\n", last=True)
        assert codes(items(LINES, await exchange.response())) == [201, 503]


async def nothing_is_left(service: Service) -> None:
    """Check that no task of a batch is running, and that the loop's exception handler has nothing to report."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    await service.bench.settle()
    gc.collect()
    await asyncio.sleep(0)
    assert "order_engine batch answers" not in {task.get_name() for task in asyncio.all_tasks()}
    assert complaints == []
