"""A database that is not there yet, and a start that waits: for the database, and for another process's migrations."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from order_engine_adapters.postgres.connection.target import connect
from order_engine_adapters.postgres.schema.migrations import LOCK
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.service import Service, expect_one_line, run_command, wait_until
from tests.integration.stubborn_service import do, is_alive, left_processes, stubborn, wait_noted
from tests.postgres_server import free_port, running_server

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
NOBODY = "postgresql://nobody@127.0.0.1:{port}/shop"


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_database_that_comes_later_is_waited_for(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """It prints one line, and serves as soon as the database is available."""
    with running_server() as server:
        server.stop()
        with Service(tmp_path, "--database-url", server.url, *flags) as service:
            wait_until(lambda: "waiting up to 30 s" in service.output, 60, "it says that it waits")
            server.start()
            service.wait_ready(30)
            assert service.output.count("waiting") == 1
            assert "Cannot connect to" in service.output


def test_a_database_that_does_not_come_ends_the_start(tmp_path: Path) -> None:
    """After `--start-seconds`: exit code 1 and one line."""
    url = NOBODY.format(port=free_port())
    ended = run_command(tmp_path, "serve", "--port", "0", "--database-url", url, "--start-seconds", "1")
    assert ended.returncode == 1
    expect_one_line(ended.stderr, "Cannot connect to")
    expect_one_line(ended.stdout, "waiting up to 1 s", "Cannot connect to")


@pytest.mark.parametrize(("command", "flags"), [("serve", ()), ("worker", ()), ("serve", ("--workers", "2"))])
def test_a_start_that_waits_is_ended_at_once(tmp_path: Path, command: str, flags: tuple[str, ...]) -> None:
    """By a signal, with exit code 0."""
    url = NOBODY.format(port=free_port())
    with Service(tmp_path, "--database-url", url, *flags, command=command) as service:
        wait_until(lambda: "waiting" in service.output, 60, "it says that it waits")
        service.signal(signal.SIGINT)
        assert service.wait(10) == 0
        assert not service.errors


async def test_a_start_that_waits_for_migrations_is_ended_at_once(tmp_path: Path) -> None:
    """While another process migrates, a signal ends the start."""
    target = await new_schema()
    other = await connect(target)
    try:
        await other.execute("BEGIN")
        await other.fetchval(LOCK, target.schema)
        await other.execute(f'DROP SCHEMA "{target.schema}" CASCADE; CREATE SCHEMA "{target.schema}"')
        with Service(tmp_path, "--database-url", f"{server_url()}?schema={target.schema}") as service:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not await other.fetchval(waits):
                assert service.process.poll() is None
            service.signal()
            assert service.wait(10) == 0
            assert not service.errors
    finally:
        other.terminate()


def test_children_of_several_processes(tmp_path: Path) -> None:
    """Each process of `--workers` hands down as little as one alone, and ends whatever its processors do."""
    with (
        running_server() as server,
        stubborn(tmp_path, "--workers", "2", database=("--database-url", server.url)) as several,
    ):
        several.wait_ready(60)
        for work in ("process", "fork", "pool"):
            do(several, work)
            wait_noted(tmp_path, f"{work} ended -15")
        do(several, "sleep_in_thread", "swallow_cancellation", "leave_a_thread")
        several.signal()
        assert several.wait(20) == 0
        assert several.output.rstrip().endswith("drained")
        assert "Restarting it" not in several.errors


def test_a_second_signal_ends_several_processes_at_once(tmp_path: Path) -> None:
    """Neither the first process nor those that serve wait for running work."""
    with running_server() as server:
        database = ("--database-url", server.url)
        with stubborn(tmp_path, "--workers", "2", "--grace-seconds", "600", database=database) as several:
            do(several.wait_ready(60), "sleep_in_thread")
            several.signal()
            wait_until(lambda: "draining" in several.output, 10, "it drains")
            with pytest.raises(AssertionError):
                wait_until(lambda: several.process.poll() is not None, 1, "it ends")
            several.signal()
            assert several.wait(5) == 0


async def test_an_orphan_keeps_no_session(tmp_path: Path) -> None:
    """After kill -9 of a service its sessions end, while a child that it has forked lives on."""
    target = await new_schema()
    name = f"name_{target.schema}"
    url = f"{server_url()}?schema={target.schema}&application_name={name}"
    other = await connect(target)
    try:
        with stubborn(tmp_path, database=("--database-url", url)) as service:
            do(service.wait_ready(60), "leave_a_child")
            wait_until(lambda: bool(left_processes(tmp_path)), 60, "there is a child")
            assert await other.fetchval(SESSIONS, name) > 0
            service.kill()
            async with asyncio.timeout(20):
                while await other.fetchval(SESSIONS, name):
                    await other.execute("SELECT pg_sleep(0.1)")
            assert all(map(is_alive, left_processes(tmp_path)))
    finally:
        other.terminate()
