"""Following events of several processes on one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from order_engine.contracts.samples import placement
from order_engine_adapters.postgres.connection.target import connect
from order_engine_adapters.postgres.driver import open_target
from tests.integration.conversation import Request, connected
from tests.integration.event_client import EventClient, event_stream
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.service import Service
from tests.integration.tcp_proxy import TcpProxy
from tests.integration.wire_orders import wire_orders

FLAGS = ("--processor", "demo:0.02", "--poll-seconds", "0.2", "--lease-seconds", "2")


@asynccontextmanager
async def service_on(url: str, folder: Path, *flags: str) -> AsyncIterator[Service]:
    """Run a service."""
    with Service(folder, "--database-url", url, *FLAGS, *flags) as service:
        await asyncio.to_thread(service.wait_ready)
        yield service


async def post(service: Service, *bodies: bytes) -> None:
    """Place orders."""
    async with connected(service.address) as connection:
        for body in bodies:
            assert (await connection.ask(Request("POST", "/orders", body))).status == 201


def steps_of(*streams: EventClient) -> list[tuple[str, int]]:
    """Return the ids and versions received by consecutive streams."""
    documents = [each.document() for stream in streams for each in stream.parser.sent]
    return [(document["order_id"], document["version"]) for document in documents]


def expect_each_once(steps: list[tuple[str, int]], order_ids: list[str]) -> None:
    """Check that the events of every order were received completely, in order, and once."""
    versions: dict[str, list[int]] = {}
    for order_id, version in steps:
        versions.setdefault(order_id, []).append(version)
    assert sorted(versions) == sorted(order_ids)
    for order_id, told in versions.items():
        assert told == list(range(1, len(told) + 1)), (order_id, told)


async def test_a_killed_process_and_a_resume_at_another(tmp_path: Path) -> None:
    """A client of a killed process resumes at another one with its last id, without loss or repetition."""
    url = f"{server_url()}?schema={(await new_schema()).schema}"
    orders = wire_orders(400)
    bodies = list(orders.values())
    async with service_on(url, tmp_path) as first, service_on(url, tmp_path) as second:
        async with event_stream(first.address) as stream:
            placing = asyncio.create_task(post(second, *bodies))
            await stream.events(200)
            first.kill()
            await stream.what_is_left()
        async with event_stream(second.address, last_event_id=stream.parser.last_id) as rest:
            await placing
            await rest.until(lambda parser: _ended(stream) + _ended(rest) == len(orders) and bool(parser.sent))
            steps = steps_of(stream, rest)
    expect_each_once(steps, list(orders))


async def test_an_order_followed_where_it_is_not_worked_on(tmp_path: Path) -> None:
    """A stream of one order contains events of another process and ends with the order."""
    url = f"{server_url()}?schema={(await new_schema()).schema}"
    name, body = next(iter(wire_orders(1).items()))
    async with service_on(url, tmp_path) as works, service_on(url, tmp_path, "--processor", "none") as tells:
        await post(tells, body)
        async with event_stream(tells.address, f"/orders/{name}/events") as stream:
            assert [each.type for each in (await stream.to_the_end()).sent] == ["placed", "claimed", "completed"]
        assert "Traceback" not in works.errors + tells.errors


async def test_writers_that_commit_late_while_streams_join_and_resume(tmp_path: Path) -> None:
    """At every moment between the begin and the commit of others a stream may break off and come back elsewhere."""
    target = await new_schema()
    url = f"{server_url()}?schema={target.schema}"
    names: list[str] = []
    async with (
        service_on(url, tmp_path, "--processor", "none") as first,
        service_on(url, tmp_path, "--processor", "none") as second,
        open_target(target) as repository,
        event_stream(first.address) as beginning,
    ):
        streams = [beginning]
        for number in range(8):
            connection = await connect(target)
            transaction = connection.transaction()
            await transaction.start()
            await repository.add([placement(f"late-{number}")], connection=connection)
            await repository.add([placement(f"quick-{number}-{index}") for index in range(3)])
            names += [f"late-{number}", *(f"quick-{number}-{index}" for index in range(3))]
            address = (first, second)[number % 2].address
            async with event_stream(address, last_event_id=streams[-1].parser.last_id) as stream:
                streams.append(stream)
                # What committed late in the round before may come first.
                await stream.events(2)
                await transaction.commit()
            await connection.close()
        async with event_stream(second.address, last_event_id=streams[-1].parser.last_id) as last:
            streams.append(last)
            await last.until(lambda _: len(steps_of(*streams[1:])) >= len(names))
            await repository.add([placement("end")])
            await last.until(lambda parser: parser.sent[-1].document()["order_id"] == "end")
        expect_each_once(steps_of(*streams[1:]), [*names, "end"])
        await beginning.events(len(names) + 1)
        expect_each_once(steps_of(beginning), [*names, "end"])


async def test_an_outage_of_the_database(tmp_path: Path) -> None:
    """Streams outlive it, or end whole and are resumed; nothing is lost or repeated."""
    orders = wire_orders(60)
    bodies = list(orders.values())
    async with TcpProxy(server_url()) as proxy:
        url = f"{proxy.url}?schema={(await new_schema()).schema}"
        async with service_on(url, tmp_path, "--heartbeat-seconds", "0.1") as service:
            async with event_stream(service.address) as stream:
                await post(service, *bodies[:30])
                await stream.until(lambda _: _ended(stream) == 30)
                await proxy.refuse()
                proxy.reset_all()
                beats = len(stream.parser.comments)
                await stream.until(lambda parser: len(parser.comments) > beats + 5)
                await proxy.accept()
                await asyncio.to_thread(service.wait_ready)
                await post(service, *bodies[30:])
                await stream.until(lambda _: _ended(stream) == 60)
                expect_each_once(steps_of(stream), list(orders))
            assert "Traceback" not in service.errors


def _ended(stream: EventClient) -> int:
    return sum(each.type == "completed" for each in stream.parser.sent)
