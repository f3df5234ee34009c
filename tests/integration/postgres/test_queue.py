"""The PostgreSQL queue: every process receives what one puts, as far as it fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from order_engine.domain.errors import InvalidSetting
from order_engine.ports.queue import OrderQueue
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres.connection.target import connect, parse
from order_engine_adapters.postgres.queue.notify_queue import PostgresQueue, SilentQueue, open_queue
from order_engine_adapters.postgres.queue.payload import LARGEST_PAYLOAD, decode, encode
from tests.integration.postgres.bells import LISTENERS, PLENTY, ask, heard_before, new_channel, opened, ring_until_heard
from tests.integration.postgres.support import server_url

ODD_IDS = ("order-1", "Order-1", "e\u0301", "\u00e9", "a b", "\"quoted'", "back\\slash", "$1;--", "\U0001f600" * 256)

FOREIGN = ("", "order-1", "{}", "1", '"a"', "[" * 7_000, '[1, null, "", "\\u0000", "\\ud800"]')


@asynccontextmanager
async def ear(url: str) -> AsyncIterator[list[str]]:
    """Listen as another program would; gives the payloads of the notifications, as they come."""
    connection, payloads = await connect(parse(url)), list[str]()
    try:
        await connection.add_listener(parse(url).schema, lambda *told: payloads.append(str(told[-1])))
        yield payloads
        # The server tells of what was notified before it answers the next question.
        await connection.execute("SELECT 1")
    finally:
        await connection.close()


async def test_what_one_puts_the_others_hear() -> None:
    """Each of several queues receives what any of them puts, including unusual ids unchanged."""
    url = new_channel(server_url())
    async with opened(url) as one, opened(url) as two:
        await ring_until_heard(one, two)
        await ring_until_heard(two, one)
        for ringing, end in ((one, "end of one"), (two, "end of two")):
            await ringing.put(ODD_IDS)
            await ringing.put([end])
            for listening in (one, two):
                heard = await heard_before(listening, end)
                assert list(heard)[-len(ODD_IDS) :] == list(ODD_IDS)


async def test_other_schemas_are_not_heard() -> None:
    """Two schemas in one database have a bell each."""
    async with opened(new_channel(server_url())) as here, opened(new_channel(server_url())) as there:
        await ring_until_heard(here, here)
        await ring_until_heard(there, there)
        await there.put(["theirs"])
        await ring_until_heard(there, there)
        await here.put(["ours"])
        await here.put(["end"])
        assert list(await heard_before(here, "end")) == ["ours"]


async def test_one_notification_a_put() -> None:
    """However many ids are put in one call, it is one notification, and an empty call is none."""
    url = new_channel(server_url())
    async with ear(url) as payloads, opened(url) as queue:
        await queue.put([f"order-{number}" for number in range(5_000)])
        await queue.put([])
        await queue.put(["alone"])
    assert [decode(payload)[0] for payload in payloads] == ["order-0", "alone"]


async def test_concurrent_puts_share_a_notification() -> None:
    """Calls that arrive while a notification is under way go out together in the next one."""
    url = new_channel(server_url())
    names = [f"order-{number}" for number in range(100)]
    async with ear(url) as payloads, opened(url) as queue:
        await asyncio.gather(*(queue.put([name]) for name in names))
    assert [list(decode(payload)) for payload in payloads] == [names[:1], names[1:]]


async def test_cancelled_put_leaves_the_others_alone() -> None:
    """A put that is cancelled, while it rings or waits for its turn, does not stop the calls that share its way."""
    url = new_channel(server_url())
    async with ear(url) as payloads, opened(url) as queue:
        await queue.put(["connected"])
        puts = [asyncio.create_task(queue.put([f"order-{number}"])) for number in range(4)]
        await asyncio.sleep(0)
        puts[1].cancel()
        await asyncio.gather(*puts, return_exceptions=True)
        ringing = asyncio.create_task(queue.put(["broken off"]))
        await asyncio.sleep(0)
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)
        await queue.put(["end"])
    heard = {order_id for payload in payloads for order_id in decode(payload)}
    assert heard >= {"connected", "order-0", "order-2", "order-3", "end"}


async def test_more_ids_than_a_payload_holds() -> None:
    """As many ids as fit go out, the first ones; an id that is larger than any payload is passed over."""
    names = [f"order-{number}" for number in range(5_000)]
    async with opened(new_channel(server_url())) as queue:
        await ring_until_heard(queue, queue)
        await queue.put(["x" * 9_000, *names])
        await queue.put(["x" * 9_000])
        await queue.put(["end"])
        heard = list(await heard_before(queue, "end"))
    assert len(heard) > 500
    assert heard == names[: len(heard)]


async def test_the_largest_payload() -> None:
    """The server takes a payload of the size that we call the largest, to the byte."""
    exact = "x" * (LARGEST_PAYLOAD - len('[""]'))
    assert len(encode([exact]) or "") == LARGEST_PAYLOAD
    assert encode([exact + "x"]) is None
    async with opened(new_channel(server_url())) as queue:
        await ring_until_heard(queue, queue, exact)


@pytest.mark.parametrize("payload", FOREIGN)
async def test_foreign_notifications_are_passed_over(payload: str) -> None:
    """Foreign notifications on the channel produce no invalid ids and do not stop the queue."""
    url = new_channel(server_url())
    async with opened(url) as queue:
        await ring_until_heard(queue, queue)
        connection = await connect(parse(url))
        await connection.execute("SELECT pg_notify($1, $2)", parse(url).schema, payload)
        await connection.close()
        await queue.put(["end"])
        assert list(await heard_before(queue, "end")) == []


async def test_buffer_is_bounded() -> None:
    """The newest distinct ids are stored, up to the capacity."""
    queue = PostgresQueue(parse(new_channel(server_url())), SystemClock(), capacity=3)
    try:
        await ring_until_heard(queue, queue)
        await queue.put(["a", "b", "c", "c", "d", "e"])
        assert await queue.get(PLENTY) == ["c", "d", "e"]
    finally:
        await queue.close()


async def test_switched_off() -> None:
    """With `notify=off` a put does nothing and a get waits, and neither makes a connection."""
    url = new_channel(server_url())
    async with opened(url) as other, opened(f"{url}&notify=off") as queue:
        getter = asyncio.create_task(queue.get(1))
        await queue.put(["unheard"])
        await ring_until_heard(other, other)
        assert not getter.done()
        assert len(await ask(url, LISTENERS)) == 1
        getter.cancel()


@pytest.mark.parametrize(
    ("parameters", "is_on"),
    [
        ("", True),
        ("notify=on", True),
        ("notify=off", False),
        ("statement_cache_size=0", False),
        ("statement_cache_size=0&notify=on", True),
        ("schema=a&notify=off&pool=2", False),
    ],
)
async def test_the_switch(parameters: str, *, is_on: bool) -> None:
    """Notifications are on, unless something hands sessions around on the way; `notify` decides where it is given."""
    async with open_queue(f"postgresql://host/shop?{parameters}", clock=SystemClock()) as queue:
        kind: type[OrderQueue] = PostgresQueue if is_on else SilentQueue
        assert isinstance(queue, kind)


@pytest.mark.parametrize("parameters", ["notify=perhaps", "notify=", "notify", "notice=off"])
async def test_wrong_parameters(parameters: str) -> None:
    """A URL that makes no sense is refused, without its password."""
    with pytest.raises(InvalidSetting) as refused:
        async with open_queue(f"postgresql://user:secret@host/shop?{parameters}", clock=SystemClock()):
            pass
    assert "secret" not in str(refused.value)
