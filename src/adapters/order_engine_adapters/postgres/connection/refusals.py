"""Errors of connection attempts as messages without secrets."""

from __future__ import annotations

import ssl
from typing import Final

import asyncpg

from order_engine.domain.errors import InvalidSetting, OrderEngineError, Unavailable
from order_engine_adapters.postgres.connection.failures import as_unavailable, code_of

OLDEST_SERVER: Final = 14
"""First version with exact interval epochs, which the metrics need. 64-bit transaction ids and their snapshots, which
the event stream needs, were added in 13."""

_WITHOUT_TLS: Final = "rejected SSL upgrade"
_SET_AT_START: Final = "unsupported startup parameter"
"""The error message of PgBouncer."""
_NO_ROOT: Final = "root certificate file"


def refusal(error: Exception, place: str) -> OrderEngineError:
    """Return the error to raise for a failed connection attempt."""
    if isinstance(error, ssl.SSLError):
        return Unavailable(f"The PostgreSQL database at {place} {_of_tls(error)}.", lasting=True)
    if isinstance(error, ConnectionError) and _WITHOUT_TLS in str(error):
        message = f"The PostgreSQL database at {place} does not support TLS, which sslmode in the URL requires."
        return Unavailable(message, lasting=True)
    if isinstance(error, asyncpg.exceptions.TargetServerAttributeNotMatched):
        message = f"No host of the PostgreSQL database at {place} matches target_session_attrs in the URL."
        return Unavailable(message)
    if isinstance(error, asyncpg.PostgresError):
        return _of_the_server(error, place)
    return Unavailable(f"Cannot connect to the PostgreSQL database at {place} ({type(error).__name__}).")


def misread(error: Exception, place: str) -> OrderEngineError:
    """Return the error to raise for a URL that the driver cannot parse."""
    if str(error).startswith(_NO_ROOT):
        return Unavailable(
            f"Cannot verify the PostgreSQL database at {place} without a root certificate. "
            "Set sslrootcert in the URL or create ~/.postgresql/root.crt.",
            lasting=True,
        )
    return InvalidSetting(f"The driver cannot parse the URL of the PostgreSQL database at {place}.")


def refuse_old_server(major: int, place: str) -> None:
    """Raise Unavailable for an unsupported major version."""
    if major < OLDEST_SERVER:
        message = (
            f"The PostgreSQL server at {place} has version {major}. order_engine requires {OLDEST_SERVER} or newer."
        )
        raise Unavailable(message, lasting=True)


def refuse_encoding(encoding: str, place: str) -> None:
    """Raise InvalidSetting for a database that cannot store every text or does not validate it.

    The client encoding is always UTF8: the driver sets it regardless of roles, databases and the environment.
    """
    if encoding != "UTF8":
        message = (
            f"The PostgreSQL database at {place} has the encoding {encoding}. order_engine requires UTF8. "
            "Create another: CREATE DATABASE … ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0."
        )
        raise InvalidSetting(message)


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has an untrusted TLS certificate: {error.verify_message.rstrip('.')}"
    return f"failed the TLS handshake ({getattr(error, 'reason', None) or type(error).__name__})"


def _of_the_server(error: asyncpg.PostgresError, place: str) -> OrderEngineError:
    if _SET_AT_START in str(error):
        return InvalidSetting(
            f"The server at {place} is a pooler such as PgBouncer, which shares sessions between clients. "
            "Set statement_cache_size=0 in the URL."
        )
    known = as_unavailable(error, place)
    return known or Unavailable(f"The PostgreSQL database at {place} refused the connection ({code_of(error)}).")
