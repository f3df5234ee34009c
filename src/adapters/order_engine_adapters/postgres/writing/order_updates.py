"""Reports, actions of clients and renewals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import Any, Final

from order_engine.domain.commands import REPORTS, Action, Command, Lease
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.ports.batch_rules import apply_commands
from order_engine.ports.repository import Applied, Renewed
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.database_clock import DatabaseClock
from order_engine_adapters.postgres.rows import (
    LARGEST_INTEGER,
    ORDER,
    microseconds,
    read_orders,
    storable,
)
from order_engine_adapters.postgres.writing.locked_orders import LockedOrders
from order_engine_adapters.postgres.writing.order_changes import OrderChanges
from order_engine_adapters.postgres.writing.report_statements import COMPLETE, CURRENT, RENEW, REPORT

LOCK: Final = f"""
SELECT {ORDER}, order_engine.order_engine_now()
FROM order_engine.contents AS c JOIN order_engine.orders AS o ON o.serial = c.serial
WHERE c.order_id = ANY($1::text[]) ORDER BY o.serial FOR NO KEY UPDATE OF o SKIP LOCKED
"""  # noqa: S608 - constants
"""Skips rows locked by others."""

WAIT: Final = "SELECT order_engine.wait_for_order($1::text[])"

EXISTING: Final = "SELECT order_id FROM order_engine.contents WHERE order_id = ANY($1::text[])"

TRY_WRITING: Final = "SELECT order_engine.count_orders(0, 0, 0, 0, 0, 0, 0)"
"""Adds zero to an unlocked counter: requires the privileges of a write, and never waits."""


LONGEST_DELAY_SECONDS: Final = 1e10
"""Three centuries. The domain decides on longer and on negative retry delays."""


async def apply(
    sessions: Sessions, locked: LockedOrders, clock: DatabaseClock, commands: Sequence[Command]
) -> Sequence[Applied]:
    """Apply reports and actions of clients; see the port. `clock` belongs to the database of these sessions."""
    if not commands:
        await sessions.write(lambda session: session.rows(TRY_WRITING))
        return []
    if not _are_plain_reports(commands):
        return await sessions.transact(lambda session: _decide(session, clock, commands))
    order_ids = [command.order_id for command in commands]
    if locked.hold(order_ids):
        outcomes = await _wait_and_decide(sessions, clock, commands)
    else:
        outcomes = await _report_all(sessions, clock, commands)
    busy = [command.order_id for command, each in zip(commands, outcomes, strict=True) if _is_busy(each)]
    if locked or busy:
        locked.note(order_ids, busy)
    return outcomes


async def _report_all(sessions: Sessions, clock: DatabaseClock, commands: Sequence[Command]) -> Sequence[Applied]:
    rows = await sessions.write(lambda session: _report(session, clock, commands))
    reported = {str(row[0]) for row in rows}
    rest = [command for command in commands if command.order_id not in reported]
    others = await _after_reporting(sessions, clock, rest, something_was_done=bool(reported)) if rest else {}
    return [others.get(command.order_id) or Applied(None, None) for command in commands]


async def renew(sessions: Sessions, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
    """Extend leases with a current token, in one statement."""
    wanted = sorted({lease for lease in leases if storable(lease.order_id) and 0 <= lease.token <= LARGEST_INTEGER})
    if not wanted:
        return [Renewed.LOST] * len(leases)
    ids, tokens = [lease.order_id for lease in wanted], [lease.token for lease in wanted]
    rows = await sessions.write(lambda session: session.rows(RENEW, ids, tokens, microseconds(seconds)))
    held = {(row[0], row[1]): Renewed.CANCEL_REQUESTED if row[2] else Renewed.HELD for row in rows}
    if len(held) < len(wanted):
        held |= await _busy_leases(sessions, [lease for lease in wanted if lease not in held], some_renewed=bool(held))
    return [held.get((lease.order_id, lease.token), Renewed.LOST) for lease in leases]


async def _busy_leases(
    sessions: Sessions, leases: Sequence[Lease], *, some_renewed: bool
) -> Mapping[tuple[str, int], Renewed]:
    """Return the leases that have a current token but were not renewed, because their orders are locked."""
    ids, tokens = [lease.order_id for lease in leases], [lease.token for lease in leases]
    async with _second_step(after_effect=some_renewed):
        rows = await sessions.read(lambda session: session.rows(CURRENT, ids, tokens))
    return {(row[0], row[1]): Renewed.BUSY for row in rows}


@asynccontextmanager
async def _second_step(*, after_effect: bool) -> AsyncIterator[None]:
    """Raise OutcomeUnknown if a step fails after the call has had part of its effect."""
    try:
        yield
    except Unavailable as error:
        if after_effect:
            raise OutcomeUnknown(str(error)) from error
        raise


def _are_plain_reports(commands: Sequence[Command]) -> bool:
    """Return whether all are reports on different orders, which one statement can apply."""
    return len({command.order_id for command in commands}) == len(commands) and all(
        command.action in REPORTS
        and command.expected_version is None
        and command.token is not None
        and 0 <= command.token <= LARGEST_INTEGER
        and 0 <= command.delay <= LONGEST_DELAY_SECONDS
        and storable(command.order_id)
        for command in commands
    )


async def _report(session: Session, clock: DatabaseClock, commands: Sequence[Command]) -> Sequence[Any]:
    """Apply reports on orders with a current token. Return the ids of these."""
    ids, tokens = [command.order_id for command in commands], [command.token for command in commands]
    reasons = [command.reason for command in commands]
    if all(command.action is Action.COMPLETE for command in commands):
        return await session.rows(COMPLETE, ids, tokens, reasons)
    actions = [command.action for command in commands]
    delays = [microseconds(command.delay) for command in commands]
    return await session.rows(REPORT, ids, tokens, reasons, actions, delays, clock.earliest)


async def _after_reporting(
    sessions: Sessions, clock: DatabaseClock, commands: Sequence[Command], *, something_was_done: bool
) -> Mapping[str, Applied]:
    """Answer the reports without effect: locked orders, replays, or stale tokens.

    A stale token never becomes current again, so this rarely changes anything. A report that becomes applicable
    meanwhile is applied as if it had arrived later.
    """
    async with _second_step(after_effect=something_was_done):
        outcomes = await sessions.transact(lambda session: _decide(session, clock, commands))
    return {command.order_id: outcome for command, outcome in zip(commands, outcomes, strict=True)}


async def _wait_and_decide(sessions: Sessions, clock: DatabaseClock, commands: Sequence[Command]) -> Sequence[Applied]:
    """Report on orders that were all locked before; if they still are, wait briefly at one of them.

    Its lease may expire meanwhile. Claims skip locked orders and poll slowly; waiting here gets the order once it is
    unlocked. No other row is locked meanwhile, so there can be no deadlock.
    """
    outcomes = await sessions.transact(lambda session: _decide(session, clock, commands))
    if sessions.target.pool == 1 or not all(map(_is_busy, outcomes)):
        return outcomes

    async def wait_and_decide(session: Session) -> Sequence[Applied]:
        await session.rows(WAIT, [command.order_id for command in commands])
        return await _decide(session, clock, commands)

    return await sessions.transact(wait_and_decide)


def _is_busy(outcome: Applied) -> bool:
    return outcome.refusal is RefusalReason.BUSY


async def _decide(session: Session, clock: DatabaseClock, commands: Sequence[Command]) -> Sequence[Applied]:
    """Lock the unlocked orders, let the domain decide, and write the result."""
    wanted = sorted({each.order_id for each in commands if storable(each.order_id)})
    rows = await session.rows(LOCK, wanted)
    orders = {kept.order.order_id: kept for kept in read_orders([tuple(row)[:-1] for row in rows])}
    busy = await _existing(session, [each for each in wanted if each not in orders])
    now = clock.corrected(rows[0][-1]) if rows else clock.earliest
    outcomes, steps = apply_commands({order_id: kept.order for order_id, kept in orders.items()}, commands, now)
    changes = OrderChanges()
    for _, after, event in steps:
        changes.take(orders[after.order_id], after, event)
    await changes.write(session)
    return [
        Applied(RefusalReason.BUSY, None) if command.order_id in busy else outcome
        for command, outcome in zip(commands, outcomes, strict=True)
    ]


async def _existing(session: Session, order_ids: Sequence[str]) -> AbstractSet[str]:
    """Return the ids of existing orders. A skipped one is locked."""
    return {str(row[0]) for row in await session.rows(EXISTING, order_ids)} if order_ids else frozenset()
