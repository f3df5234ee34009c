"""Check of files named by a URL or by libpq's variables. The driver ignores missing ones silently."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from order_engine.domain.errors import Unavailable

VARIABLES: Final[Mapping[str, str]] = {
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "servicefile": "PGSERVICEFILE",
}
"""libpq's names, in a URL and in the environment."""
PASSWORD_FILE: Final = "passfile"  # noqa: S105 - a name, and no password
PASSWORD_FILE_VARIABLE: Final = "PGPASSFILE"  # noqa: S105 - likewise
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_files(url: str, place: str) -> None:
    """Raise Unavailable for a named file that is not readable, and for a password file that other users can read.

    The driver ignores such a password file with at most a warning outside the log; the server then rejects the
    connection because of a missing password.
    """
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    for kind, file in _named(given):
        if not os.access(file, os.R_OK) or not file.is_file():
            message = f"{kind} for the PostgreSQL database at {place} is {file}, which is not a readable file."
            raise Unavailable(message, lasting=True)
    if _has_password(url, given):
        return
    name, path = _password_file(given)
    if name is not None and not (path.is_file() and os.access(path, os.R_OK)):
        message = f"{name} for the PostgreSQL database at {place} is {path}, which is not a readable password file."
        raise Unavailable(message, lasting=True)
    if os.name == "posix" and path.is_file() and path.stat().st_mode & OTHERS:
        message = f"The password file {path} is readable by other users. Run chmod 600 on it."
        raise Unavailable(message, lasting=True)


def _named(given: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for name, variable in VARIABLES.items():
        if given.get(name):
            yield name, Path(given[name])
        elif os.environ.get(variable):
            yield variable, Path(os.environ[variable])


def _has_password(url: str, given: Mapping[str, str]) -> bool:
    """Return whether the password is given otherwise, so that no file is used."""
    return urlsplit(url).password is not None or "password" in given or "PGPASSWORD" in os.environ


def _password_file(given: Mapping[str, str]) -> tuple[str | None, Path]:
    """Return the parameter that names the password file, if any, and its path."""
    if PASSWORD_FILE in given:
        return PASSWORD_FILE, Path(given[PASSWORD_FILE])
    if variable := os.environ.get(PASSWORD_FILE_VARIABLE):
        return PASSWORD_FILE_VARIABLE, Path(variable)
    return None, Path.home() / ".pgpass"
