"""Further calls of clients after an acknowledgement: repeat, contradict, cancel, read and wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from order_engine.application.engine import OrderEngine
from order_engine.domain.errors import (
    ActionRefused,
    IdempotencyKeyReused,
    OrderConflict,
    OrderNotFound,
    VersionMismatch,
    WaitTimedOut,
)
from order_engine.domain.order import Order
from order_engine.simulation.clients.client import MAYBE_STORED, NOTHING_STORED, Client
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.orders import contradiction, renamed

PART_THAT_ASKS: Final = 0.1
PART_THAT_WAITS: Final = 0.05
PART_WITH_VERSION: Final = 0.5
PART_OUT_OF_DATE: Final = 0.3
"""Part of the calls with an expected version whose version is wrong."""
UNREACHED_VERSIONS: Final = 1000
MORE_LIKELY: Final = 10
"""Factor by which orders that take long are cancelled more often, since most others end too soon."""


async def follow_up(client: Client, *, takes_long: bool) -> None:
    """Make the further calls of a client whose order was acknowledged."""
    group, order_id = client.group, client.order_id
    if group.strikes(Fault.CLIENT_REPEATS):
        client.world.struck(Fault.CLIENT_REPEATS, order_id, "is placed again", order_id)
        await client.pause()
        await client.place()
    if group.strikes(Fault.CLIENT_CONTRADICTS):
        await _contradict(client)
    if group.strikes(Fault.CLIENT_CANCELS, MORE_LIKELY if takes_long else 1):
        await client.pause()
        await _cancel(client)
    if client.random.random() < PART_THAT_ASKS:
        await client.pause()
        await _look(client, lambda engine: engine.get(order_id))
    if client.random.random() < PART_THAT_WAITS:
        await _wait(client)


async def _contradict(client: Client) -> None:
    """Place different content under the same id or key, which must be refused and change nothing (P4)."""
    order_id, key = client.order_id, client.key
    client.world.struck(Fault.CLIENT_CONTRADICTS, order_id, "is contradicted", order_id)
    other = contradiction(client.order, client.random)
    refusal: type[Exception] = OrderConflict
    if key is not None:
        other, refusal = renamed(other), IdempotencyKeyReused
    outcome = await client.outcome(lambda engine: engine.place(other, idempotency_key=key))
    if not isinstance(outcome, (refusal, *NOTHING_STORED, *MAYBE_STORED)):
        under = f"under {order_id}" if key is None else f"under {key}"
        client.violate("P4", f"other content {under} was answered with {outcome!r}")


async def _cancel(client: Client) -> None:
    order_id, known = client.order_id, client.known
    client.world.struck(Fault.CLIENT_CANCELS, order_id, "is to be cancelled", order_id)
    version = None
    if client.random.random() < PART_WITH_VERSION:
        version = known.version
        if client.random.random() < PART_OUT_OF_DATE:
            version += UNREACHED_VERSIONS
    order = await _look(client, lambda engine: engine.cancel(order_id, expected_version=version))
    if order is None:
        return
    if version is not None:
        known.matched += (version,)
    if not order.status.ended and not order.cancel_requested:
        client.violate("cancel", f"cancelling {order_id} was answered with {order.status}")


async def _wait(client: Client) -> None:
    order_id, seconds = client.order_id, client.world.plan.options.lease_seconds
    order = await _look(client, lambda engine: engine.wait_for(order_id, seconds=seconds), seconds)
    if order is not None and not order.status.ended:
        client.violate("waiting", f"wait_for returned {order_id} while it is {order.status}")


async def _look(client: Client, make: Callable[[OrderEngine], Awaitable[Order]], seconds: float = 0.0) -> Order | None:
    """Make a call that returns the order; None if it was refused or not answered."""
    version_before = client.known.version
    outcome = await client.outcome(client.group.to_the_end(make), seconds)
    if isinstance(outcome, Order):
        client.world.record.answered(outcome, version_before, client.world.loop.time())
        return outcome
    if isinstance(outcome, OrderNotFound):
        client.violate("P1", f"{client.order_id} was acknowledged but not found")
    elif not isinstance(outcome, (ActionRefused, VersionMismatch, WaitTimedOut, *NOTHING_STORED, *MAYBE_STORED)):
        client.violate("errors", f"a call about {client.order_id} raised {outcome!r}")
    return None
