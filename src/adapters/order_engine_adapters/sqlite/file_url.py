"""The URL of a database file: `sqlite:///orders.db`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from order_engine.domain.errors import InvalidSetting

NO_FILE = frozenset({"", "//", "///", "//:memory:", "///:memory:"})
HOW_TO_WRITE_IT = (
    "Use sqlite:///orders.db for a file in the working directory, sqlite:////var/lib/orders.db for an absolute path"
)


def database_path(url: str) -> Path:
    """Return the path in a URL. Raises InvalidSetting if it has none."""
    given, parameters, _ = url.partition("?")
    rest = given.partition(":")[2]
    if rest in NO_FILE or rest.startswith("///file:"):
        message = f"The URL {url!r} has no file. {HOW_TO_WRITE_IT}, or memory:// for orders that may be lost."
        raise InvalidSetting(message)
    name = _decoded(rest.removeprefix("///"))
    if not rest.startswith("///") or name is None or parameters:
        message = f"Invalid SQLite URL {url!r}. It takes no parameters. {HOW_TO_WRITE_IT}."
        raise InvalidSetting(message)
    return Path(name)


def _decoded(path: str) -> str | None:
    """Return a path without percent-encoding; None if it is invalid or contains NUL."""
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return None
    return None if "\0" in decoded else decoded
