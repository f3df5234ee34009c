"""Real clients follow real streams whose connections break wherever they can: none loses an event or gets one twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.integration.event_clients.client import (
    NODE_CLIENTS,
    PYTHON_CLIENTS,
    NotInstalled,
    RunningClient,
    Told,
    node_commands,
    python_commands,
    running_client,
    skip,
)
from tests.integration.event_clients.cutting_proxy import CuttingProxy
from tests.integration.inspection import body_of
from tests.integration.service import Service, serving

FLAGS: Final = ("--processor", "none", "--heartbeat-seconds", "0.2", "--poll-seconds", "0.2")
HEARTBEATS: Final = 3
LIMIT_SECONDS: Final = 120.0
"""Clients wait for up to 8 seconds before they connect again, and more where the service was not there yet."""
LOOK_SECONDS: Final = 0.02
CUTS: Final = {"within-its-type": b"event: pla", "within-its-data": b'"order_id":"with', "before-its-id": b'"}\n',
               "within-its-id": b"\nid: "}  # fmt: skip
"""An order, and what of its event comes through before the connection breaks."""
CONNECTIONS: Final = 3 + len(CUTS)
"""Of each client: the first, one after each cut, one after all were cut at once, one after the service restarted."""
ORDERS: Final = ("before-any-event", *CUTS, "after-heartbeats", "after-a-restart")


class Stories(NamedTuple):
    """Events received by each client, and reasons for missing clients."""

    told: Mapping[str, Sequence[Told]]
    missing: str


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """Let all clients follow one service at once, since most of the time each of them waits."""
    folder = tmp_path_factory.mktemp("event clients")
    commands, missing = python_commands(), ""
    try:
        commands = {**commands, **node_commands(folder)}
    except NotInstalled as error:
        missing = str(error)
    return Stories(asyncio.run(follow(commands, folder)), missing)


@pytest.mark.parametrize("name", [*PYTHON_CLIENTS, *NODE_CLIENTS])
def test_a_client_is_told_everything_once(stories: Stories, name: str) -> None:
    """The start position and every event, wherever connections broke; no heartbeats."""
    if name in NODE_CLIENTS and stories.missing:
        skip(stories.missing)
    told = stories.told[name]
    assert told[0].type == "ready"
    assert all(each.event_id and each.data for each in told), "no event is without content"
    assert {each.type for each in told} == {"ready", "placed"}
    assert sum(each.type == "ready" for each in told) >= CONNECTIONS
    placed = [each for each in told if each.type == "placed"]
    assert [json.loads(each.data)["order_id"] for each in placed] == list(ORDERS)
    assert len({each.event_id for each in placed}) == len(ORDERS)


async def follow(commands: Mapping[str, Sequence[str]], folder: Path) -> Mapping[str, Sequence[Told]]:
    """Let clients follow all orders while their connections break. Return the events that they received."""
    with ExitStack() as stack:
        service = stack.enter_context(serving(folder, *FLAGS))
        async with CuttingProxy(service.address) as proxy:
            clients = [
                stack.enter_context(running_client(name, command, f"{proxy.address}/events", folder))
                for name, command in commands.items()
            ]
            await until(lambda: all(client.told for client in clients), "every client is ready")
            await break_connections(proxy, service, clients)
            await until(lambda: all(beats(proxy, clients)), "heartbeats have come")
            await place(service, clients, "after-heartbeats")
            # Many clients give up for good where a service that ends, or one that begins, answers them with 503.
            proxy.service = None
            service.signal()
            assert await asyncio.to_thread(service.wait) == 0
            again = stack.enter_context(serving(folder, *FLAGS))
            proxy.service = again.address
            await place(again, clients, "after-a-restart")
            return {client.name: client.told for client in clients}


async def break_connections(proxy: CuttingProxy, service: Service, clients: Sequence[RunningClient]) -> None:
    """Break every connection before the first event, and then within one event after the other."""
    proxy.reset_all()
    await place(service, clients, "before-any-event")
    for order_id, marker in CUTS.items():
        proxy.cut_behind(marker)
        await place(service, clients, order_id)


def beats(proxy: CuttingProxy, clients: Sequence[RunningClient]) -> list[bool]:
    """Return of each client's connection whether heartbeats have come through."""
    enough = [link.heartbeats >= HEARTBEATS for link in proxy.links]
    return enough + [False] * (len(clients) - len(enough))


async def place(service: Service, clients: Sequence[RunningClient], order_id: str) -> None:
    """Place an order, and wait until every client has received it."""
    answer = await asyncio.to_thread(service.post, "/orders", body_of(order_id))
    assert answer.status == 201
    behind: list[str] = []

    def is_told() -> bool:
        behind[:] = [client.name for client in clients if not client.has_placed(order_id)]
        return not behind

    await until(is_told, f"every client is told of {order_id}", behind)


async def until(holds: Callable[[], bool], what: str, behind: Sequence[str] = ()) -> None:
    """Wait until a condition is true. Raises AssertionError with the late clients after a timeout."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                if holds():
                    return
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        message = f"not within {LIMIT_SECONDS:g} s: {what}; behind: {', '.join(behind) or 'unknown'}"
        raise AssertionError(message) from None
