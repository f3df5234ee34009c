"""What a service answers at its port before its database is there, and while its schema is brought up to date."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from order_engine_adapters.postgres.connection.target import connect
from order_engine_adapters.postgres.schema.migrations import LOCK
from tests.integration.inspection import body_of
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.postgres.test_workers import CHILDREN, children_of
from tests.integration.service import Answer, Service, ask, expect_one_line, run_command, wait_until
from tests.postgres_server import Server, free_port, running_server

WAITS = re.compile(r"waiting up to .* (http://\S+)/readyz")
NOBODY = "postgresql://nobody@127.0.0.1:{port}/shop"
SENTENCE = "The service is starting and does not accept orders yet."


def waiting_at(service: Service) -> str:
    """Wait until the process reports that it waits for its database. Return its address."""
    wait_until(lambda: WAITS.search(service.output) is not None, 60, "it says where it waits")
    found = WAITS.search(service.output)
    assert found is not None
    return found[1]


def expect_starting(answer: Answer) -> None:
    """Check that a request was refused because the service starts, with when to come back."""
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    document = answer.json()
    assert (document["code"], document["detail"]) == ("not_running", SENTENCE)


def expect_early_answers(address: str) -> None:
    """Check everything that is answered by a process which has no repository yet."""
    assert ask(address, "GET", "/livez").json() == {"status": "alive"}
    ready = ask(address, "GET", "/readyz")
    expect_starting(ready)
    assert ready.json()["state"] == "starting"
    figures = _metrics_text(address)
    assert "\norder_engine_repository_up 0\n" in figures
    assert "\norder_engine_ready 0\n" in figures
    for method, path in (("GET", "/metrics"), ("POST", "/orders"), ("GET", "/orders/a"), ("GET", "/"), ("PUT", "/x")):
        expect_starting(ask(address, method, path, body_of("order") if method == "POST" else b""))


@contextmanager
def kept_open(address: str) -> Iterator[HTTPConnection]:
    """Give a connection that is used for several requests."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_service_that_waits_for_its_database_answers(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """From the start it is alive, not ready, and has metrics. It announces its address only when it accepts orders."""
    with running_server() as server:
        server.stop()
        with Service(tmp_path, "--database-url", server.url, *flags) as service:
            address = waiting_at(service)
            expect_early_answers(address)
            assert "answers at" not in service.output
            server.start()
            service.wait_ready(60)
            assert service.address == address
            # Whichever of them takes the connection.
            assert {service.post("/orders", body_of(f"order-{number}")).status for number in range(20)} == {201}
            assert "\norder_engine_repository_up 1\n" in _metrics_text(address)


def test_a_connection_stays_open_over_the_start(tmp_path: Path) -> None:
    """A client that asks for readiness on one connection sees it come, and is not cut off."""
    with running_server() as server:
        server.stop()
        with Service(tmp_path, "--database-url", server.url) as service, kept_open(waiting_at(service)) as connection:
            assert _status(connection, "/readyz") == 503
            client = connection.sock.getsockname()
            server.start()
            wait_until(lambda: _status(connection, "/readyz") == 200, 60, "it is ready")
            assert connection.sock.getsockname() == client


def test_a_worker_that_waits_answers_at_its_port(tmp_path: Path) -> None:
    """`worker --port` as well."""
    url = NOBODY.format(port=free_port())
    with Service(tmp_path, "--database-url", url, command="worker") as worker:
        expect_early_answers(waiting_at(worker))


def test_the_keys_count_from_the_beginning(tmp_path: Path) -> None:
    """The metrics of a service that waits are for those who may see them."""
    add = ("keys", "add", "--file", "keys.json", "--scopes", "metrics", "--name", "prometheus")
    key = run_command(tmp_path, *add).stdout.strip()
    flags = ("--database-url", NOBODY.format(port=free_port()), "--api-keys-file", "keys.json")
    with Service(tmp_path, *flags) as service:
        address = waiting_at(service)
        assert ask(address, "GET", "/metrics").status == 401
        expect_starting(ask(address, "GET", "/readyz"))
        assert "\norder_engine_ready 0\n" in _metrics_text(address, key)


async def test_a_service_answers_while_migrations_run(tmp_path: Path) -> None:
    """It announces its address only after the migrations, and then serves."""
    target = await new_schema()
    other = await connect(target)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    try:
        await other.execute("BEGIN")
        await other.fetchval(LOCK, target.schema)
        await other.execute(f'DROP SCHEMA "{target.schema}" CASCADE; CREATE SCHEMA "{target.schema}"')
        url = f"{server_url()}?schema={target.schema}"
        with Service(tmp_path, "--database-url", url, "--port", str(port)) as service:
            async with asyncio.timeout(60):
                while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert service.process.poll() is None
            # Who waits there may be another test's process.
            await asyncio.to_thread(wait_until, lambda: _answers(address), 60, "it answers")
            await asyncio.to_thread(expect_early_answers, address)
            assert not service.output
            await other.execute("COMMIT")
            await asyncio.to_thread(service.wait_ready)
            assert (await asyncio.to_thread(service.post, "/orders", body_of("order"))).status == 201
    finally:
        other.terminate()


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_waits_ends_at_once_whoever_is_connected(
    tmp_path: Path, number: signal.Signals, flags: tuple[str, ...]
) -> None:
    """Neither a partial request nor an idle connection delays the exit with code 0."""
    with Service(tmp_path, "--database-url", NOBODY.format(port=free_port()), *flags) as service:
        address = urlsplit(waiting_at(service))
        with (
            socket.create_connection((address.hostname, address.port)) as half_sent,
            kept_open(address.geturl()) as idle,
        ):
            half_sent.sendall(b"GET /readyz HTTP/1.1\r\nHost:")
            assert _status(idle, "/livez") == 200
            service.signal(number)
            assert service.wait(10) == 0
        assert not service.errors


def test_a_database_that_does_not_come_ends_a_service_that_answers(tmp_path: Path) -> None:
    """After `--start-seconds`: exit code 1 and one line, despite open connections."""
    flags = ("--database-url", NOBODY.format(port=free_port()), "--start-seconds", "3")
    with Service(tmp_path, *flags) as service, kept_open(waiting_at(service)) as connection:
        assert _status(connection, "/readyz") == 503
        assert service.wait(20) == 1
        expect_one_line(service.errors, "Cannot connect to")


def test_the_port_of_a_service_that_waits_is_in_use(tmp_path: Path) -> None:
    """A second one on the same port ends at once with exit code 1 and its sentence."""
    url = NOBODY.format(port=free_port())
    with Service(tmp_path, "--database-url", url) as service:
        port = str(urlsplit(waiting_at(service)).port)
        ended = run_command(tmp_path, "serve", "--database-url", url, "--port", port)
        assert (ended.returncode, ended.stdout) == (1, "")
        expect_one_line(ended.stderr, port, "in use", "--port")


@pytest.mark.skipif(not CHILDREN.exists(), reason="asks Linux which processes are whose")
async def test_a_process_that_starts_again_leaves_the_port_to_those_that_serve(tmp_path: Path) -> None:
    """While one of several processes waits for the database, no client gets a 503 from it."""
    with running_server() as server:
        admin = await asyncpg.connect(server.url)
        try:
            await admin.execute("CREATE DATABASE shop")
            await asyncio.to_thread(
                _restart_one_without_connections, tmp_path, server, admin, asyncio.get_running_loop()
            )
        finally:
            await admin.close()


def _restart_one_without_connections(
    folder: Path, server: Server, admin: asyncpg.Connection, loop: asyncio.AbstractEventLoop
) -> None:
    def execute(statement: str) -> None:
        asyncio.run_coroutine_threadsafe(admin.execute(statement), loop).result(30)

    url = server.url.removesuffix("/postgres") + "/shop"
    flags = ("--workers", "2", "--processor", "none", "--start-seconds", "300")
    with Service(folder, "--database-url", url, *flags) as service:
        service.wait_ready()
        wait_until(lambda: len(children_of(service)) == 2, 10, "two processes run")
        execute("ALTER DATABASE shop ALLOW_CONNECTIONS false")
        os.kill(children_of(service)[0], signal.SIGKILL)
        wait_until(lambda: "waiting up to" in service.output, 60, "the new process waits")
        states = {ask(service.address, "GET", "/readyz").json().get("state") for _ in range(40)}
        assert "starting" not in states
        execute("ALTER DATABASE shop ALLOW_CONNECTIONS true")
        service.signal()
        assert service.wait() == 0


def _answers(address: str) -> bool:
    try:
        return ask(address, "GET", "/livez").status == 200
    except OSError:
        return False


def _metrics_text(address: str, key: str | None = None) -> str:
    with kept_open(address) as connection:
        headers = {"Accept": "text/plain"} | ({} if key is None else {"Authorization": f"Bearer {key}"})
        connection.request("GET", "/metrics", headers=headers)
        with connection.getresponse() as response:
            assert response.status == 200
            return response.read().decode()


def _status(connection: HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    with connection.getresponse() as response:
        response.read()
        return response.status
