"""Whatever is sent, the event loop is kept for 50 ms at most: leases are renewed and others are answered meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_engine.application.placer import STEP_BYTES
from order_engine.domain.errors import Overloaded
from order_engine.domain.order import NewOrder
from order_engine_adapters.http import HttpLimits
from order_engine_adapters.http.batch import buffered_results
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits
from order_engine_adapters.http.orders.order_parser import LARGE_BYTES, OrderParser
from tests.unit.application.bench import Bench
from tests.unit.http.batches import BATCH, LINES, codes, items, send_batch
from tests.unit.http.client import JSON_BODY, NDJSON_BODY
from tests.unit.http.hostile import CONNECTIONS, PART_BYTES, REQUESTS, Hostile, filled, order_with
from tests.unit.http.line import Line
from tests.unit.http.loop_watch import LIMIT_SECONDS, Step, limit_seconds, watch
from tests.unit.http.serving import Service, order, serving, text

SECONDS: Final = 120.0
"""Nothing takes as long: the limit is against hanging."""
KINDS: Final = sorted({name.partition(":")[0] for name in REQUESTS})


async def send(service: Service, request: Hostile) -> None:
    """Send a request, its body in parts as a server would give them."""
    exchange = service.client.begin(request.method, request.target, request.headers)
    for at in range(0, len(request.body), PART_BYTES):
        exchange.part(request.body[at : at + PART_BYTES])
    exchange.part(b"", last=True)
    async with asyncio.timeout(SECONDS):
        await exchange.task
    assert exchange.sent[0]["status"] < 500


async def longest_step(what: Callable[[], Awaitable[object]]) -> Step:
    """Return the longest step of what is done; where that is over the limit, of two tries the shorter one."""
    watch.take()
    await what()
    step = watch.take()
    if step.seconds > LIMIT_SECONDS:
        await what()
        step = min(step, watch.take(), key=lambda each: each.seconds)
    return step


def expect_short(step: Step, what: str) -> None:
    """Check that a step kept the limit."""
    assert step.seconds <= LIMIT_SECONDS or step.seconds <= limit_seconds(), f"{what}: {step}"


@pytest.mark.parametrize("kind", KINDS)
async def test_no_request_keeps_the_loop(kind: str) -> None:
    """The largest of every kind that is taken, and some that are not; none of them is an error of the service."""
    async with serving() as service:
        await service.place("order1")
        for name, request in REQUESTS.items():
            if name.startswith(f"{kind}:"):
                expect_short(await longest_step(partial(send, service, request)), name)


@pytest.mark.parametrize("kind", list(CONNECTIONS))
async def test_no_bytes_on_a_connection_keep_the_loop(kind: str) -> None:
    """As many as a read of the event loop gives at once."""
    async with serving() as service:

        async def receive() -> None:
            line = Line(service.app)
            asyncio.get_running_loop().call_soon(line.protocol.data_received, CONNECTIONS[kind])
            for _ in range(2500):
                await asyncio.sleep(0)
            line.protocol.connection_lost(None)
            await line.settle()

        expect_short(await longest_step(receive), kind)


async def test_a_page_of_large_orders_does_not_keep_the_loop() -> None:
    """A thousand orders of 4 KiB, be it in attributes or in items."""
    async with serving() as service:
        for user, content in (("a", {"attributes": {"a": "x" * 4000}}), ("i", {"item_ids": ["item12345"] * 300})):
            fields = {"user_id": user, **content}
            await send_batch(service.client, LINES, [text(f"{user}{number}", **fields) for number in range(1000)])
            step = await longest_step(partial(service.client.get, f"/orders?limit=1000&user_id={user}"))
            expect_short(step, user)


async def test_an_event_for_thousands_of_streams_does_not_keep_the_loop() -> None:
    """Nor do their heartbeats."""
    async with serving(limits=HttpLimits(heartbeat_seconds=0.5)) as service:
        streams = [service.client.begin("GET", "/events") for _ in range(2000)]
        for stream in streams:
            stream.part(b"", last=True)
            await stream.status()

        async def until_told(order_id: str) -> None:
            await service.place(order_id)
            async with asyncio.timeout(SECONDS):
                while not all(order_id.encode() in stream.body for stream in streams):  # noqa: ASYNC110 - of each an event
                    await asyncio.sleep(0.01)

        orders = iter(("order1", "order2"))
        expect_short(await longest_step(lambda: until_told(next(orders))), "an event")
        expect_short(await longest_step(lambda: asyncio.sleep(1)), "heartbeats")
        await service.client.get("/metrics")
        for stream in streams:
            stream.leave()
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(stream.task for stream in streams))


TOKENS: Final = (
    "[", "]", "{", "}", ",", ":", '"', "\\", "a", "é", "1", "-", ".5", "e9", "null", "true", " ", "\n", "\\u00e9",
    "\\ud800", "\\\\", '"a"', '"a":', '"a":1', "/", "~", "\0", "[]", "{}", "\u200d",
)  # fmt: skip
UNITS: Final = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=6).map("".join)
SIZES: Final = st.sampled_from((2_000, 31_000, 250_000, 1_000_000))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(unit=UNITS, size=SIZES, place=st.sampled_from(("body", "attributes", "list", "items", "name", "names")))
def test_no_order_made_of_anything_keeps_the_loop(unit: str, size: int, place: str) -> None:
    """Alone, and again and again in a batch: whatever is repeated, wherever it stands."""
    repeated = filled(unit, size, "," if place in {"list", "items", "names"} else "")
    body = {
        "body": repeated.encode(),
        "attributes": order_with(repeated),
        "list": order_with(f'{{"a":[{repeated}]}}'),
        "items": order_with(items=f"[{repeated}]"),
        "name": order_with(f'{{"{repeated}":[{repeated[:1000]}]}}'),
        "names": order_with(more=f",{repeated}"),
    }[place]

    async def run() -> None:
        async with serving() as service:
            alone = Hostile("POST", "/orders", JSON_BODY, body)
            lines = Hostile("POST", BATCH, NDJSON_BODY, b"\n".join([body] * min(30, 2_000_000 // len(body) + 1)))
            array = Hostile("POST", BATCH, JSON_BODY, b"[" + lines.body.replace(b"\n", b",") + b"]")
            for request in (alone, lines, array):
                step = await longest_step(partial(send, service, request))
                expect_short(step, f"{unit!r} as {place} to {size} bytes")

    asyncio.run(run())


@asynccontextmanager
async def looking_on() -> AsyncIterator[list[None]]:
    """Give a list that becomes longer with every turn of the event loop."""
    turns: list[None] = []

    async def look_on() -> None:
        while True:
            turns.append(None)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look_on())
    try:
        yield turns
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def test_others_have_their_turn_while_bad_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty thousand of them: each is refused in its place, and no step is about more than some of them."""
    monkeypatch.setattr(buffered_results, "IN_MEMORY_BYTES", 10**9)  # a thread would give them turns as well
    async with serving() as service, looking_on() as turns:
        response = await service.client.send("POST", BATCH, NDJSON_BODY, b"{}\n" * 30_000)
        assert len(turns) > 1000
        assert codes(items(LINES, response)) == [422] * 30_000
        assert response.lines()[-1] == {"read": 30_000, "placed": 0, "replayed": 0, "refused": 30_000}


async def test_others_have_their_turn_while_many_large_orders_are_placed() -> None:
    """`place_many` gives it after so much content, also where nothing makes it wait."""
    async with Bench().engine() as engine:
        many = ["item"] * 2000
        orders = [NewOrder(user_id="user1", item_ids=many, total_amount="1") for _ in range(200)]
        async with looking_on() as turns:
            assert len(await engine.place_many(orders)) == 200
            assert len(turns) >= 200 * 2000 * len("item") // STEP_BYTES


async def test_a_large_order_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one is not: it would cost more to hand it over."""
    seen: list[int] = []
    elsewhere = asyncio.to_thread

    async def noted(work: Callable[..., object], body: bytes, *arguments: object) -> object:
        seen.append(len(body))
        return await elsewhere(work, body, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    async with serving() as service:
        large = text("large", attributes={"a": "x" * LARGE_BYTES})
        bad = text("bad", attributes={"a": "x" * LARGE_BYTES}, more="field")
        assert (await service.client.place(order("small"))).status == 201
        assert (await service.client.place(large)).status == 201
        assert (await service.client.place(bad)).status == 422
        assert codes(await send_batch(service.client, LINES, [text("small"), large, bad])) == [201, 201, 422]
        assert seen == [len(large), len(bad)] * 2


async def test_a_large_order_waits_no_longer_than_a_request_may() -> None:
    """503: nothing of it was stored, and it may be sent again."""
    async with serving(request_seconds=0.2) as service:
        texts = OrderParser(service.engine.options.content, RequestTimeLimits())
        async with texts._thread:  # noqa: SLF001 - as if another large order took long
            with pytest.raises(Overloaded, match="Too many large orders are waiting"):
                await texts.read_large(text("large", attributes={"a": "x" * LARGE_BYTES}), None, 0.1)
