"""A PostgreSQL server for one benchmark: fresh, on loopback, with the durability that it has by default."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
UNPRIVILEGED = "postgres"
"""PostgreSQL refuses to run as root."""


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a server as long as the context lasts; yields its URL. Raises FileNotFoundError where none is installed."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="benchmark-postgres-") as folder:
        cluster = Path(folder) / "cluster"
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        port = free_port()
        _run([str(programs / "initdb"), "-D", str(cluster), "-A", "trust", "-U", "postgres", "-E", "UTF8"])
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        _run([str(programs / "pg_ctl"), "-D", str(cluster), "-w", "-o", options, "-l", f"{folder}/log", "start"])
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run([str(programs / "pg_ctl"), "-D", str(cluster), "-m", "fast", "-w", "stop"])


def _programs() -> Path:
    """Return the folder of the newest installed server."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not versions:
        message = "No PostgreSQL server is installed: install the package postgresql, or put initdb on the PATH."
        raise FileNotFoundError(message)
    return versions[-1].parent


def _run(command: Sequence[str]) -> None:
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--init-groups", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")  # noqa: S603 - our own words


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
