"""Errors of failed connection attempts."""

from __future__ import annotations

import ssl

import asyncpg
import pytest

from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine_adapters.postgres.connection.failures import as_unavailable, leaves_doubt
from order_engine_adapters.postgres.connection.refusals import OLDEST_SERVER, misread, refusal, refuse_old_server

PLACE = "db.example:5432/shop"
SECRET = "hunter2"  # noqa: S105 - what must not be shown


@pytest.mark.parametrize("major", [9, 12, 13])
def test_old_server_is_refused(major: int) -> None:
    """A server before version 14 is Unavailable, and the message names both versions and the place."""
    with pytest.raises(Unavailable, match=f"version {major}. order_engine requires 14 or newer") as caught:
        refuse_old_server(major, PLACE)
    assert PLACE in str(caught.value)


@pytest.mark.parametrize("major", [14, 15, 18, 20])
def test_newer_servers_are_let_through(major: int) -> None:
    """The oldest version that is supported and all newer ones are fine."""
    assert OLDEST_SERVER == 14
    refuse_old_server(major, PLACE)


def test_pooler_is_recognised() -> None:
    """PgBouncer's error about session settings becomes an invalid setting with the remedy."""
    error = asyncpg.PostgresError.new({"C": "08P01", "M": "unsupported startup parameter: jit"})
    told = refusal(error, PLACE)
    assert isinstance(told, InvalidSetting)
    assert "statement_cache_size=0" in str(told)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("28P01", "rejected the password"),
        ("28000", "pg_hba.conf"),
        ("3D000", "does not exist"),
        ("53300", "has no disk space, memory or connections left"),
        ("57P03", "is shutting down or starting"),
        ("08P01", "lost the connection"),
        ("42601", "refused the connection (42601)"),
    ],
)
def test_server_says_no(code: str, part: str) -> None:
    """Every refusal of the server is Unavailable with a sentence for its code, and never the server's own words."""
    told = refusal(asyncpg.PostgresError.new({"C": code, "M": SECRET}), PLACE)
    assert isinstance(told, Unavailable)
    assert part in str(told)
    assert SECRET not in str(told)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (ConnectionError(f'PostgreSQL server at "{SECRET}" rejected SSL upgrade'), "does not support TLS"),
        (ssl.SSLError(1, SECRET), "failed the TLS handshake"),
        (ConnectionRefusedError(111, SECRET), "(ConnectionRefusedError)"),
        (TimeoutError(SECRET), "(TimeoutError)"),
        (asyncpg.InternalClientError(SECRET), "(InternalClientError)"),
    ],
)
def test_nobody_to_talk_to(error: Exception, part: str) -> None:
    """Network and TLS errors are Unavailable, with our own message."""
    told = refusal(error, PLACE)
    assert isinstance(told, Unavailable)
    assert part in str(told)
    assert SECRET not in str(told)


def test_url_that_the_driver_cannot_use() -> None:
    """A root certificate that is not there is an error of the environment, all else a wrong setting; no URL shown."""
    missing = misread(ValueError(f'root certificate file "{SECRET}" does not exist or cannot be accessed'), PLACE)
    wrong = misread(ValueError(f"invalid DSN postgresql://{SECRET}@host"), PLACE)
    assert (type(missing), type(wrong)) == (Unavailable, InvalidSetting)
    assert SECRET not in f"{missing}{wrong}"


@pytest.mark.parametrize("code", ["26000", "42P05"])
def test_confused_prepared_statements(code: str) -> None:
    """Statements that another session has prepared, or not, betray a pooler; nothing took effect."""
    error = asyncpg.PostgresError.new({"C": code, "M": "prepared statement"})
    assert "statement_cache_size=0" in str(as_unavailable(error, PLACE))
    assert not leaves_doubt(error)
