"""Passwords: their sources, errors of wrong ones, and that none is ever shown."""

from __future__ import annotations

import logging
import signal
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository
from order_engine_adapters.postgres.connection.target import connect, parse
from tests.integration.inspection import body_of, wait_completed
from tests.integration.postgres.secured import PASSWORD, USER, secured_server, url_of
from tests.integration.service import Service, expect_one_line, run_command
from tests.postgres_server import Server

WRONG = "wrong-battery-9e2d"
PLACES = ["passfile", "PGPASSFILE", "home"]
COMMANDS = [("serve", "--port", "0"), ("worker",), ("migrate",), ("migrate", "--dry-run"), ("metrics",)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server that asks for a password."""
    with secured_server(None) as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the driver a home of its own, and no password."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.delenv("PGPASSFILE", raising=False)
    return tmp_path


def _written(server: Server, folder: Path, password: str, mode: int = 0o600) -> Path:
    file = folder / ".pgpass"
    file.write_text(f"127.0.0.1:{server.port}:*:{USER}:{password}\n", encoding="ascii")
    file.chmod(mode)
    return file


def _named(server: Server, file: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a password file in one of the ways there are, and return the URL; the home's needs none."""
    if place == "PGPASSFILE":
        monkeypatch.setenv(place, str(file))
    return url_of(server, password=None, **({place: str(file)} if place == "passfile" else {}))


async def _connects(url: str) -> None:
    await (await connect(parse(url))).close()


async def _refused(url: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await _connects(url)
    return caught.value


@pytest.mark.parametrize("place", PLACES)
async def test_password_from_a_file(server: Server, home: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is taken from the file that the URL names, or the variable, or from the one at home."""
    await _connects(_named(server, _written(server, home, PASSWORD), place, monkeypatch))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_file_that_others_may_read(
    server: Server, home: Path, place: str, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password file readable by others is refused, with the remedy."""
    url = _named(server, _written(server, home, PASSWORD, mode), place, monkeypatch)
    assert "chmod 600" in str(await _refused(url))


@pytest.mark.parametrize("place", PLACES[:2])
async def test_file_that_is_missing(server: Server, home: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing password file is reported with the parameter that names it."""
    told = str(await _refused(_named(server, home / "nowhere", place, monkeypatch)))
    assert told.startswith(place)
    assert "nowhere" in told


async def test_file_is_not_looked_at_where_a_password_is_given(server: Server, home: Path) -> None:
    """With a password in the URL no file is wanted, missing or open, as with libpq."""
    _written(server, home, WRONG, 0o644)
    await _connects(url_of(server, passfile=str(home / "nowhere")))


@pytest.mark.parametrize("password", [WRONG, None, ""])
async def test_wrong_password(server: Server, password: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong or missing password is Unavailable. The message lists the sources and no secret."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Unavailable, match="password file") as caught:
        async with open_repository(url_of(server, password=password), clock=SystemClock()):
            pass
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert WRONG not in shown


def test_no_secret_in_a_target(server: Server) -> None:
    """What stands for the database in a message or a debugger shows no password."""
    target = parse(url_of(server))
    assert PASSWORD not in f"{target!r}{target}{target.place}"


def _ways(server: Server, home: Path, password: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Return URLs and variables that give a password in every way there is."""
    yield url_of(server, password=password), {}
    yield url_of(server, password=None, password_="").replace("password_=", f"password={password}"), {}
    yield url_of(server, password=None), {"PGPASSWORD": password}
    yield url_of(server, password=None, passfile=str(_written(server, home, password))), {}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_wrong_password_of_a_command(server: Server, home: Path, command: tuple[str, ...]) -> None:
    """Every command ends with exit code 1 and one line, in which no password stands, however it was given."""
    for url, variables in _ways(server, home, WRONG):
        ended = run_command(home, *command, "--database-url", url, variables=variables)
        assert (ended.returncode, ended.stdout) == (1, ""), ended
        expect_one_line(ended.stderr, "rejected the password", "28P01")
        assert WRONG not in ended.stderr


def test_configuration_shows_no_password(server: Server, home: Path) -> None:
    """`config show` shows where the database is, and the password in none of the ways to give it."""
    for url, variables in _ways(server, home, PASSWORD):
        flags = ("--database-url", url, "--queue-url", url)
        for more in ((), ("--json",)):
            ended = run_command(home, "config", "show", *flags, *more, variables=variables)
            assert ended.returncode == 0, ended
            assert PASSWORD not in ended.stdout + ended.stderr
        by_variable = {**variables, "ORDER_ENGINE_DATABASE_URL": url, "ORDER_ENGINE_QUEUE_URL": url}
        ended = run_command(home, "config", "show", variables=by_variable)
        assert ended.returncode == 0, ended
        assert f"127.0.0.1:{server.port}" in ended.stdout
        assert PASSWORD not in ended.stdout + ended.stderr


def test_service_shows_no_password(server: Server, home: Path) -> None:
    """A service and a worker that work, lose their database and get it back never print the password."""
    for number, (url, variables) in enumerate(_ways(server, home, PASSWORD)):
        given = ("--database-url", f"{url}&schema=shop_{number}", "--processor", "demo:0.05", "--poll-seconds", "0.1")
        with (
            Service(home, *given, variables=variables) as service,
            Service(home, *given, variables=variables, command="worker") as worker,
        ):
            service.wait_ready()
            worker.wait_ready()
            assert service.post("/orders", body_of("order-1")).status == 201
            wait_completed(service.address, 20)
            server.stop("immediate")
            assert service.post("/orders", body_of("order-2")).status == 503
            server.start()
            service.wait_ready()
            for process in (service, worker):
                process.signal(signal.SIGTERM)
                assert process.wait() == 0
                assert PASSWORD not in process.output + process.errors
