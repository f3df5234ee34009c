"""The rules of RFC 9112 for the head of a request: target, host, version, transfer encoding."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from order_engine_adapters.http.errors import MalformedRequest

HOST: Final = re.compile(
    rb"(?:\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[0-9A-Za-z\-._~!$&'()*+,;=:]+)\]"
    rb"|(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)
"""`uri-host [ ":" port ]` of RFC 3986, section 3.2; empty for a target without an authority."""
ABSOLUTE: Final = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)
VERSIONS: Final = frozenset({"1.1", "1.0"})


def check_host(value: bytes) -> None:
    """Raise MalformedRequest for an invalid Host field."""
    if not HOST.fullmatch(value):
        message = "Invalid Host field. Expected host or host:port (RFC 9112, section 3.2)."
        raise MalformedRequest(message)


def check_transfer_encoding(value: bytes) -> None:
    """Raise MalformedRequest for any encoding but `chunked`."""
    if value.lower() != b"chunked":
        message = "Unsupported Transfer-Encoding. Only chunked is allowed (RFC 9112, section 6.1)."
        raise MalformedRequest(message)


def check_version(version: str, *, has_host: bool, is_chunked: bool) -> None:
    """Raise MalformedRequest for an unsupported version, and for fields that do not fit the version."""
    if version not in VERSIONS:
        message = "Unsupported HTTP version. Use HTTP/1.1 or HTTP/1.0."
    elif version == "1.1" and not has_host:
        message = "Missing Host field (RFC 9112, section 3.2)."
    elif version == "1.0" and is_chunked:
        message = "Transfer-Encoding is not allowed in HTTP/1.0 (RFC 9112, section 6.1)."
    else:
        return
    raise MalformedRequest(message)


def split_target(method: str, target: bytes) -> tuple[str, bytes, bytes]:
    """Return the path, the path as it was sent, and the query. Raises MalformedRequest.

    The authority of an absolute target replaces the Host field (RFC 9112, section 3.2.2); the service answers for any.
    """
    if not target.startswith(b"/"):
        target = b"*" if target == b"*" and method == "OPTIONS" else _origin_form(target)
    if b"#" in target or not target.isascii():
        message = "Invalid request target. Use visible ASCII characters and no fragment (RFC 9112, section 3.2)."
        raise MalformedRequest(message)
    raw_path, _, query = target.partition(b"?")
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, query


def _origin_form(target: bytes) -> bytes:
    authority = ABSOLUTE.match(target)
    if authority is None or not authority[1]:
        message = "Invalid request target. Use a path or an http(s) URL (RFC 9112, section 3.2)."
        raise MalformedRequest(message)
    check_host(authority[1])
    rest = target[authority.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest
