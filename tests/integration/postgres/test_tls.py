"""TLS by libpq's sslmode: accepted connections, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.postgres.connection.target import connect, parse
from tests.integration.postgres.secured import PASSWORD, Authority, secured_server, url_of
from tests.integration.postgres.support import server_url
from tests.integration.service import expect_one_line, run_command
from tests.postgres_server import Server

IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
ADDRESS, OTHER_NAME = "127.0.0.1", "localhost"


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    """Found the authority that signs the server's certificate, and a foreign one."""
    folder = tmp_path_factory.mktemp("authorities")
    own, foreign = Authority(folder / "own"), Authority(folder / "foreign")
    own.found("Shop")
    foreign.found("Somebody else")
    return own, foreign


@pytest.fixture(scope="module")
def server(authorities: tuple[Authority, Authority]) -> Iterator[Server]:
    """Run a server that is let into by TLS only, and has a certificate for its address."""
    with secured_server(authorities[0].sign(ADDRESS)) as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the driver a home of its own, without certificates."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def _is_encrypted(url: str) -> bool:
    connection = await connect(parse(url))
    try:
        return bool(await connection.fetchval(IS_ENCRYPTED))
    finally:
        await connection.close()


async def _refused(url: str) -> str:
    with pytest.raises(Unavailable) as caught:
        await _is_encrypted(url)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("sslmode", ["allow", "prefer", "require"])
async def test_encrypted_without_a_look_at_the_certificate(server: Server, sslmode: str) -> None:
    """Up to `require`, and by default, the connection is encrypted without verification."""
    assert await _is_encrypted(url_of(server, OTHER_NAME, sslmode=sslmode))
    assert await _is_encrypted(url_of(server))


@pytest.mark.parametrize(
    ("sslmode", "host"), [("require", OTHER_NAME), ("verify-ca", OTHER_NAME), ("verify-full", ADDRESS)]
)
async def test_certificate_of_the_right_authority(
    server: Server, authorities: tuple[Authority, Authority], sslmode: str, host: str
) -> None:
    """With the authority's certificate each mode lets through whom it should, `verify-full` by the right name alone."""
    assert await _is_encrypted(url_of(server, host, sslmode=sslmode, sslrootcert=str(authorities[0].certificate)))


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
async def test_certificate_of_another_authority(
    server: Server, authorities: tuple[Authority, Authority], sslmode: str
) -> None:
    """A certificate of another authority is refused, with the reason."""
    url = url_of(server, sslmode=sslmode, sslrootcert=str(authorities[1].certificate))
    assert "has an untrusted TLS certificate" in await _refused(url)


async def test_certificate_for_another_name(server: Server, authorities: tuple[Authority, Authority]) -> None:
    """With `verify-full` a server that is called by another name than its certificate's is refused."""
    url = url_of(server, OTHER_NAME, sslmode="verify-full", sslrootcert=str(authorities[0].certificate))
    assert OTHER_NAME in (await _refused(url)).partition("TLS certificate: ")[2]


async def test_no_root_certificate(server: Server, home: Path, authorities: tuple[Authority, Authority]) -> None:
    """Without a root certificate the message names the parameter; a file in libpq's default place is found."""
    url = url_of(server, sslmode="verify-full")
    assert "sslrootcert" in await _refused(url)
    (home / ".postgresql").mkdir()
    (home / ".postgresql" / "root.crt").write_bytes(authorities[0].certificate.read_bytes())
    assert await _is_encrypted(url)


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
async def test_file_that_is_missing(server: Server, name: str) -> None:
    """A missing file named in the URL is reported by name."""
    told = await _refused(url_of(server, sslmode="verify-ca", **{name: "/nowhere/file.pem"}))
    assert name in told
    assert "/nowhere/file.pem" in told


async def test_file_that_is_no_certificate(server: Server, home: Path) -> None:
    """A file of something else is Unavailable too."""
    (home / "text").write_text("no certificate", encoding="ascii")
    assert "TLS" in await _refused(url_of(server, sslmode="verify-ca", sslrootcert=str(home / "text")))


async def test_without_tls_where_the_server_wants_it(server: Server) -> None:
    """With `disable` the server rejects the connection, and the message mentions TLS."""
    assert "client address and TLS" in await _refused(url_of(server, sslmode="disable"))


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_server_without_tls(tmp_path: Path, command: str) -> None:
    """With `require`, a server without TLS leads to exit code 1 and one line."""
    with secured_server(None) as plain:
        ended = run_command(tmp_path, command, "--database-url", url_of(plain, sslmode="require"))
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    expect_one_line(ended.stderr, "does not support TLS", "sslmode")
    assert PASSWORD not in ended.stderr


async def test_server_without_tls_is_talked_to_as_it_is() -> None:
    """By default, a server without TLS is used without it, as in libpq."""
    connection = await connect(parse(f"{server_url()}?schema=any"))
    await connection.close()
