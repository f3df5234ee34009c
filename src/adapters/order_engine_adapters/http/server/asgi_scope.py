"""The ASGI 3.0 scope of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from starlette.types import Scope
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from order_engine_adapters.http.server.request_parser import RequestParser

ASGI: Final = {"version": "3.0", "spec_version": "2.3"}


def connection_scope(transport: asyncio.Transport) -> Scope:
    """Return the part of the scope that all requests on one connection share."""
    return {
        "type": "http",
        "asgi": ASGI,
        "server": get_local_addr(transport),
        "client": get_remote_addr(transport),
        "scheme": "https" if is_ssl(transport) else "http",
        "root_path": "",
    }


def request_scope(connection: Scope, head: RequestParser, state: Mapping[str, Any]) -> Scope:
    """Return the scope of the request whose head was parsed last."""
    return {
        **connection,
        "http_version": head.version,
        "method": head.method,
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query,
        "headers": head.fields,
        "state": dict(state),
    }
