"""The path that a proxy serves the application under, such as `/shop/api`."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.types import Scope

from order_engine_adapters.http.access.guard import NOT_RATE_LIMITED, OPEN, SCOPES

LONGEST: Final = 1_000
REFUSED: Final = re.compile(r"""[^!$&'()*+,;=:@/.~\w-]""")
"""What no such path holds, once it is decoded: separators of a URL, spaces, controls."""
OWN: Final = frozenset(path.split("/")[1] for path in (*SCOPES, *OPEN, *NOT_RATE_LIMITED)) - {""}
"""The first words of the paths of the application."""


class InvalidRootPath(ValueError):
    """Why a text is no such path; the message is the end of a sentence."""


def read_root_path(text: str) -> str:
    """Return the path as ASGI has it: decoded, without a slash at its end; empty for the root of the host.

    Raises InvalidRootPath. What begins with two slashes would be the name of another host in a link.
    """
    path = unquote(text, errors="strict").rstrip("/") if len(text) <= LONGEST else "?"
    segments = path.split("/")[1:]
    if path and (not path.startswith("/") or REFUSED.search(path) or {"", ".", ".."}.intersection(segments)):
        message = "it must begin with a slash and contain only unreserved path segments, such as /shop/api"
        raise InvalidRootPath(message)
    return path


def mount_under(scope: Scope, root_path: str) -> None:
    """Put a request under `root_path`, whether the proxy has taken that off its path or not.

    ASGI has the whole path in the scope, the root path at its beginning. Where a path of the application begins with
    the same word, the proxy has to take it off: /orders/orders could be either.
    """
    path: str = scope["path"]
    if not root_path or path == "*":
        return
    scope["root_path"] = root_path
    whole = path == root_path or path.startswith(f"{root_path}/")
    if not whole or root_path.split("/")[1] in OWN:
        scope["path"] = root_path + path
        scope["raw_path"] = quote(root_path).encode() + (scope.get("raw_path") or quote(path).encode())
    elif path == root_path:
        scope["path"] += "/"
        scope["raw_path"] = (scope.get("raw_path") or quote(path).encode()) + b"/"
