"""What a database's URL says about files, without opening anything."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from order_engine_adapters.wiring.plugins import scheme_of

ONE_FILE = "sqlite"
PROCESS_OWN = "memory"


def absent_file(url: str) -> Path | None:
    """Return the file that opening `url` would make; None where it is there, or where the repository is no file."""
    if scheme_of(url) != ONE_FILE:
        return None
    rest = url.partition("?")[0].partition(":")[2]
    name = unquote(rest.removeprefix("///"))
    try:
        absent = rest.startswith("///") and name and "\0" not in name and not Path(name).exists()
    except OSError:
        # A name that no file can have, or a folder that may not be read: whoever opens it says so.
        return None
    return Path(name) if absent else None


def ends_with_its_process(url: str) -> bool:
    """Whether the repository of this URL lives in its process, so that no other one can look into it."""
    return scheme_of(url) == PROCESS_OWN
