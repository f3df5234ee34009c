"""Why a connection was not made, in a sentence that says what to do and repeats nothing secret."""

from __future__ import annotations

import ssl
from typing import Final

import asyncpg

from order_engine.domain.errors import InvalidSetting, OrderEngineError, Unavailable
from order_engine_adapters.postgres.connection.failures import as_unavailable, code_of

OLDEST_SERVER: Final = 14
"""The first version in which the epoch of an interval is exact, which the metrics stand on. Transaction numbers of 64
bits and their snapshots, which the stream of events stands on, came with 13."""

_WITHOUT_TLS: Final = "rejected SSL upgrade"
_SET_AT_START: Final = "unsupported startup parameter"
"""What PgBouncer says."""
_NO_ROOT: Final = "root certificate file"


def refusal(error: Exception, place: str) -> OrderEngineError:
    """Return what to raise for an error with which connecting ended."""
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
    """Return what to raise for a URL that the driver cannot use."""
    if str(error).startswith(_NO_ROOT):
        return Unavailable(
            f"Cannot verify the PostgreSQL database at {place} without a root certificate. "
            "Set sslrootcert in the URL or create ~/.postgresql/root.crt.",
            lasting=True,
        )
    return InvalidSetting(f"The driver cannot parse the URL of the PostgreSQL database at {place}.")


def refuse_old_server(major: int, place: str) -> None:
    """Raise Unavailable for a server of a major version that order_engine does not work with."""
    if major < OLDEST_SERVER:
        message = (
            f"The PostgreSQL server at {place} has version {major}. order_engine requires {OLDEST_SERVER} or newer."
        )
        raise Unavailable(message, lasting=True)


def refuse_encoding(encoding: str, place: str) -> None:
    """Raise InvalidSetting for a database that cannot hold every text, or does not look at what it holds.

    The client's side is always UTF8: the driver sets it, whatever a role, a database or the environment says.
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
