"""Services and workers under load on a database of their own, while processes and database fail in every way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.crash_rounds import fresh_seed
from tests.integration.inspection import expect_nothing_counted
from tests.integration.postgres.fleet import COMMANDS, DURABLE, Fleet, Plan
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.tcp_proxy import TcpProxy
from tests.postgres_server import running_server

FEW = ("serve", "worker", "worker")
LEASE_SECONDS = 3.0
"""Long enough that a holder has its second to renew after an outage, also on a machine that is busy."""


def plan(*faults: str, orders: int, seconds_between_faults: float, lease_seconds: float = LEASE_SECONDS) -> Plan:
    """Return the plan of a short run: 100 orders come in a second."""
    return Plan(
        orders=orders,
        orders_per_second=100,
        faults=faults,
        seconds_between_faults=seconds_between_faults,
        seed=fresh_seed(),
        lease_seconds=lease_seconds,
        processor="demo:0.5",
        commands=FEW,
    )


@pytest.mark.parametrize(
    ("wanted", "least"),
    [
        (plan("crash", "termination", "termination", orders=500, seconds_between_faults=0.2), 4),
        (replace(plan("outage", orders=300, seconds_between_faults=1), processor=f"demo:{LEASE_SECONDS:g}"), 1),
    ],
    ids=["crashes", "outage"],
)
async def test_a_database_that_fails_costs_no_order_and_no_attempt(tmp_path: Path, wanted: Plan, least: int) -> None:
    """Immediate stops, killed connections and an outage longer than the leases lose nothing and count against nobody.

    Acknowledged orders survive with the database's default durability, each is completed once by a legal history, the
    metrics are the fold, and no order has an attempt that failed or vanished: what had to be stopped was released, as
    in the outage all that had begun before it.
    """
    with running_server(DURABLE) as server:
        fleet = Fleet(tmp_path, server.url, wanted, server)
        findings = await fleet.run()
    assert findings.orders == wanted.orders
    assert fleet.faults.total() >= least
    expect_nothing_counted(findings.histories)


async def test_a_network_that_fails_costs_no_order(tmp_path: Path) -> None:
    """Delays, resets and lost answers to COMMIT between all processes and the database lose nothing, double nothing."""
    wanted = plan("delay", "reset", "lost-answer", "lost-answer", orders=500, seconds_between_faults=0.2)
    async with TcpProxy(server_url()) as proxy:
        url = f"{proxy.url}?schema={(await new_schema()).schema}"
        fleet = Fleet(tmp_path, url, wanted, proxy=proxy)
        findings = await fleet.run()
    assert findings.orders == wanted.orders
    assert fleet.faults.total() >= 3
    expect_nothing_counted(findings.histories)


async def test_no_order_is_lost_while_processes_stand_still_and_die(tmp_path: Path) -> None:
    """Under kill -9 and SIGSTOP at random moments every order ends as it should; nobody lends a hand."""
    wanted = replace(
        plan("death", "pause", orders=600, seconds_between_faults=0.3, lease_seconds=1.0),
        commands=COMMANDS,
        processor="demo:0.05",
    )
    fleet = Fleet(tmp_path, f"{server_url()}?schema={(await new_schema()).schema}", wanted)
    assert (await fleet.run()).orders == wanted.orders
    assert fleet.faults.total() >= 3
