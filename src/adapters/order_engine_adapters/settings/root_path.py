"""The rule for the path under which a proxy serves the application, such as `/shop/api`."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

LONGEST: Final = 1_000
REFUSED: Final = re.compile(r"""[^!$&'()*+,;=:@/.~\w-]""")
"""Characters that a decoded root path must not contain: URL separators, spaces and controls."""


class InvalidRootPath(ValueError):
    """An invalid root path. The message completes "it must"."""


def read_root_path(text: str) -> str:
    """Return the root path as ASGI expects it: decoded, without a trailing slash; empty for the root.

    Raises InvalidRootPath. A path with two leading slashes would be another host in a link.
    """
    path = unquote(text, errors="strict").rstrip("/") if len(text) <= LONGEST else "?"
    segments = path.split("/")[1:]
    if path and (not path.startswith("/") or REFUSED.search(path) or {"", ".", ".."}.intersection(segments)):
        message = "begin with a slash and contain only unreserved path segments, such as /shop/api"
        raise InvalidRootPath(message)
    return path
