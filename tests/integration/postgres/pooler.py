"""A real PgBouncer between a client and the tests' server, from the distribution's package."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import pytest

from order_engine_adapters.postgres.connection.target import Target, parse
from tests.integration.service import wait_until
from tests.postgres_server import free_port, unprivileged

PROGRAM: Final = "pgbouncer"
PLACES: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
END_SECONDS: Final = 20.0

CONFIGURATION: Final = """
[databases]
* = host={host} port={server_port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {servers}
max_client_conn = {clients}
server_login_retry = 1
logfile = {log}
"""


@dataclass
class Pooler:
    """One PgBouncer, with as many connections to the server as it is given, however many clients it has."""

    server: str
    """The URL of the server behind it."""
    folder: Path
    mode: str = "transaction"
    servers: int = 2
    clients: int = 500
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the server's database by way of PgBouncer, without a query."""
        return f"postgresql://{self._server.username}@127.0.0.1:{self.port}{self._server.path}"

    def target(self, schema: str, pool: int = 4) -> Target:
        """Return a schema of that database, reached through PgBouncer as documented."""
        return parse(f"{self.url}?statement_cache_size=0&schema={schema}&pool={pool}")

    @property
    def _server(self) -> SplitResult:
        return urlsplit(self.server)

    def start(self) -> None:
        """Start it and wait until it answers."""
        server, log = self._server, self.folder / "log"
        values = {"host": server.hostname, "server_port": server.port or 5432, "user": server.username}
        own = {"port": self.port, "mode": self.mode, "servers": self.servers, "clients": self.clients, "log": log}
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(CONFIGURATION.format(**values, **own), encoding="utf-8")
        command = [*unprivileged(self.folder), _program(), str(configuration)]
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        )
        wait_until(self._answers, END_SECONDS, "PgBouncer answers")

    def stop(self) -> None:
        """End it at once, with every connection of its clients and to the server."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(END_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), END_SECONDS).close()
        except ConnectionRefusedError:
            return False
        return True


@contextmanager
def running_pooler(server: str, mode: str = "transaction", servers: int = 2, clients: int = 500) -> Iterator[Pooler]:
    """Run a PgBouncer in front of a server as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="order-engine-pgbouncer-") as folder:
        pooler = Pooler(server, Path(folder), mode, servers, clients)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()


def _program() -> str:
    found = shutil.which(PROGRAM, path=PLACES)
    if found is None:
        message = "no PgBouncer: install the package pgbouncer"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found
