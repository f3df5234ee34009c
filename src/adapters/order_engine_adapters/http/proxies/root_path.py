"""The path under which a proxy serves the application, such as `/shop/api`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.types import Scope

from order_engine_adapters.http.access.guard import NOT_RATE_LIMITED, OPEN, SCOPES

OWN: Final = frozenset(path.split("/")[1] for path in (*SCOPES, *OPEN, *NOT_RATE_LIMITED)) - {""}
"""First segments of the application's own paths."""


def mount_under(scope: Scope, root_path: str) -> None:
    """Set the root path of a request, whether or not the proxy has stripped it from the path.

    ASGI expects the full path, including the root path, in the scope. If an application path starts with the same
    segment, the proxy must strip the prefix: /orders/orders would be ambiguous.
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
