"""Parsing of PostgreSQL URLs, and connecting to the database.

Shared by the repository and the queue, which use the same URL and session settings.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random, SystemRandom
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from order_engine.domain.errors import InvalidSetting, OrderEngineError
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST
from order_engine_adapters.postgres.connection.hosts import (
    HostAttempt,
    connect_timeout,
    host_attempts,
    hosts_of,
    is_any_order,
    parameters,
)
from order_engine_adapters.postgres.connection.named_files import check_files
from order_engine_adapters.postgres.connection.own_connection import OwnConnection
from order_engine_adapters.postgres.connection.refusals import misread, refusal, refuse_encoding, refuse_old_server
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

SCHEMES: Final = frozenset({"postgresql", "postgres"})
DEFAULT_SCHEMA: Final = "order_engine"
HOW_TO_WRITE_IT: Final = (
    "Invalid PostgreSQL URL. Use postgresql://user:password@host:5432/database, with special characters as %XX."
)
IDENTIFIER: Final = re.compile("[a-z_][a-z0-9_]{0,62}")
LARGEST_NUMBER: Final = 10_000
"""Maximum number of connections and of prepared statements."""

CLOSE_SECONDS: Final = 2.0

OF_THE_DRIVER: Final = frozenset({
    "application_name", "connect_timeout", "database", "dbname", "host", "load_balance_hosts", "options", "passfile",
    "password", "port", "service", "servicefile",
    "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl", "sslkey", "sslmode", "sslpassword",
    "sslrootcert", "target_session_attrs", "user",
})  # fmt: skip
"""Parameters with the same meaning as in libpq."""
OF_LIBPQ_ALONE: Final = ("connect_timeout", "load_balance_hosts")
"""Parameters of libpq that the driver does not know."""

ISOLATION: Final[Mapping[str, str]] = {"default_transaction_isolation": "read committed"}
PLANNER: Final[Mapping[str, str]] = {
    "jit": "off",
    "join_collapse_limit": "1",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Every statement walks along indexes and nothing else, in the order it is written in: a plan that was prepared while
the tables were empty must not read them from end to end when they are full."""

NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})

NEXT_HOST: Final = (OSError, asyncpg.CannotConnectNowError, asyncpg.exceptions.TargetServerAttributeNotMatched)
"""Errors after which the next host is tried. A TimeoutError is an OSError."""
SHORTEST_SECONDS: Final = 0.1
"""Minimum time for a host after slow attempts on others."""

BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"


@dataclass(frozen=True, slots=True)
class Target:
    """A database and how this process uses it. Its `repr` contains no secrets."""

    url: str
    """What the driver gets: without our own parameters."""
    schema: str = DEFAULT_SCHEMA
    pool: int = 8
    """Maximum number of open connections."""
    statement_cache_size: int = 100
    """With 0, nothing in a session is relied upon, as PgBouncer in transaction mode requires."""
    require_durable: bool = False
    connect_timeout: int | None = None
    """Seconds that each host gets; None: all of them together get what the budget has for connecting."""
    is_any_order: bool = False
    """Whether the hosts are tried in random order."""
    budget: RequestBudget = DEFAULT_BUDGET
    """The time limits of a call."""

    def __repr__(self) -> str:
        """Show the place instead of the URL."""
        return f"Target({self.place!r}, schema={self.schema!r})"

    @property
    def place(self) -> str:
        """Host, port and database, for messages."""
        parts = urlsplit(self.url)
        return parts.netloc.rpartition("@")[2] + parts.path or "the default server"

    @property
    def pooled_elsewhere(self) -> bool:
        """Whether a pooler between this process and the server shares sessions."""
        return self.statement_cache_size == 0

    @property
    def settings(self) -> Mapping[str, str]:
        """What a transaction of ours needs of its session: time limits, and plans along indexes."""
        return {**self.budget.session, **PLANNER}

    @property
    def begin(self) -> str:
        """The statements that begin a transaction, in one round trip."""
        if not self.pooled_elsewhere:
            return BEGIN
        return "; ".join([BEGIN, *(f"SET LOCAL {name} = '{value}'" for name, value in self.settings.items())])


def parse(url: str, budget: RequestBudget = DEFAULT_BUDGET) -> Target:
    """Parse a URL such as `postgresql://user@host:5432/shop?schema=orders&pool=16`.

    Parameters of order_engine: `schema` (default order_engine), `pool` (connections, default 8), `statement_cache_size`
    (default 100; use 0 with PgBouncer in transaction mode) and `require_durable` (refuse a server that may lose
    acknowledged orders). All others are those of libpq. Raises InvalidSetting.
    """
    parts = _split(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    ours = {name: value for name, value in given if name not in OF_THE_DRIVER}
    theirs = {"application_name": "order_engine"} | {name: value for name, value in given if name in OF_THE_DRIVER}
    for_hosts = parameters(url)
    for name in OF_LIBPQ_ALONE:
        theirs.pop(name, None)
    target = Target(
        urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(theirs), "")),
        _schema(ours.pop("schema", DEFAULT_SCHEMA)),
        _number("pool", ours.pop("pool", "8"), 1),
        _number("statement_cache_size", ours.pop("statement_cache_size", "100"), 0),
        _truth("require_durable", ours.pop("require_durable", "false")),
        connect_timeout(for_hosts),
        is_any_order(for_hosts),
        budget,
    )
    hosts_of(target.url)
    # A parameter of the queue, which uses the same URL by default.
    ours.pop("notify", None)
    if ours:
        message = (
            f"Unknown parameter {min(ours)!r} in the PostgreSQL URL. Allowed: schema, pool, statement_cache_size, "
        )
        raise InvalidSetting(message + "require_durable, notify and the parameters of libpq.")
    return target


async def connect(
    target: Target, random: Random | None = None, settings: Mapping[str, str] = NO_SETTINGS
) -> Connection:
    """Open a connection to the first available host, each within a time limit.

    `random` shuffles the hosts if their order is random; the default is the system's generator. `settings` are added to
    the session settings. As in libpq, the next host is tried if one does not respond, is starting, or does not match
    `target_session_attrs`, but not if it rejects the connection. Raises InvalidSetting for a URL that the driver cannot
    parse and for a database that is not UTF8; Unavailable if no host responds, the connection is rejected, a file named
    in the URL is missing, or the server is too old.
    """
    check_files(target.url, target.place)
    remaining = host_attempts(target.url, (random or SystemRandom()) if target.is_any_order else None)
    now = asyncio.get_running_loop().time
    ends = now() + target.budget.connecting
    while True:
        attempt, *remaining = remaining
        seconds = target.connect_timeout or (ends - now()) / (1 + len(remaining))
        try:
            return await _connected(target, attempt, max(seconds, SHORTEST_SECONDS), settings)
        except NEXT_HOST as error:
            if not remaining:
                raise refusal(error, target.place) from error


async def _connected(target: Target, attempt: HostAttempt, seconds: float, settings: Mapping[str, str]) -> Connection:
    """Connect to one host. Raises as `connect` does, and errors that make it try the next host."""
    wanted = attempt.session_attributes
    try:
        connection = await asyncpg.connect(
            target.url,
            host=attempt.host.name,
            port=attempt.host.port,
            connection_class=OwnConnection,
            target_session_attrs=None if wanted is None else SessionAttribute(wanted),
            timeout=seconds,
            command_timeout=target.budget.statement,
            statement_cache_size=target.statement_cache_size,
            server_settings={} if target.pooled_elsewhere else {**ISOLATION, **target.settings, **settings},
        )
    except asyncpg.exceptions.ClientConfigurationError as error:
        # Not chained: the message may contain the URL.
        raise misread(error, target.place) from None
    except NEXT_HOST:
        raise
    except (asyncpg.PostgresError, *CONNECTION_LOST, RuntimeError) as error:
        raise refusal(error, target.place) from error
    try:
        refuse_old_server(connection.get_server_version().major, target.place)
        refuse_encoding(connection.get_settings().server_encoding, target.place)
    except OrderEngineError:
        connection.terminate()
        raise
    return connection


def within(sql: str, schema: str) -> str:
    """Return statements written for the default schema, adapted to another one.

    Names are always qualified with their schema, so that nothing depends on the search path.
    """
    return sql.replace(f"{DEFAULT_SCHEMA}.", f'"{schema}".')


def _split(url: str) -> SplitResult:
    """Split a URL into its parts. The driver parses multiple hosts, as libpq does.

    Error messages never contain the invalid part: without percent-encoding, part of a password may appear anywhere.
    """
    try:
        parts = urlsplit(url)
        port = None if "," in parts.netloc else parts.port
    except ValueError as error:
        raise InvalidSetting(HOW_TO_WRITE_IT) from error
    is_torn = "@" in parts.path or parts.fragment or ("@" in parts.query and "@" not in parts.netloc)
    if parts.scheme not in SCHEMES or is_torn or port == 0:
        raise InvalidSetting(HOW_TO_WRITE_IT)
    return parts


def _schema(text: str) -> str:
    if not IDENTIFIER.fullmatch(text) or text.startswith("pg_"):
        message = f"Invalid schema {text!r}. Use lower-case letters, digits and _."
        raise InvalidSetting(message)
    return text


def _number(name: str, text: str, least: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_NUMBER)) else -1
    if not least <= number <= LARGEST_NUMBER:
        message = f"Invalid {name} {text!r}. It must be a number from {least} to {LARGEST_NUMBER}."
        raise InvalidSetting(message)
    return number


def _truth(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        message = f"Invalid {name} {text!r}. Allowed: true, false."
        raise InvalidSetting(message)
    return text.lower() == "true"
