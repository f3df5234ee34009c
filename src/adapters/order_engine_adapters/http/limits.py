"""Size and time limits of the HTTP adapter."""

from __future__ import annotations

from dataclasses import dataclass

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one application. The engine has its own limits for the content of orders."""

    body_bytes: int = MEBIBYTE
    """Maximum size of the body of one order, and of one element of a batch."""
    batch_bytes: int = 64 * MEBIBYTE
    """Maximum size of a batch body, which is read as a stream."""
    body_seconds: float = 10.0
    """Maximum time without data before a request is aborted."""
    kept_answer_bytes: int = 256 * MEBIBYTE
    """Buffered results of a batch whose body is incomplete, in a temporary file beyond the first MiB. At the limit,
    reading stops. It is enough for the results of 64 MiB of orders that are all placed."""
    unread_bytes: int = 32 * MEBIBYTE
    """Unread results of a streamed batch. At the limit, no more of its orders are placed."""
    max_streams: int = 5_000
    """Maximum number of open event streams."""
    stream_bytes: int = 16 * MEBIBYTE
    """Buffered events for slow streams, in total. Streams that fall behind are dropped."""
    heartbeat_seconds: float = 15.0
    """Interval between heartbeats of an event stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of one server. Only `connections_per_address` may be 0, which means no limit."""

    request_line_bytes: int = 8 * KIBIBYTE
    """Maximum length of a request line, without its CRLF."""
    header_bytes: int = 64 * KIBIBYTE
    """Maximum size of the header: all fields with their colons and CRLFs."""
    fields: int = 200
    """Maximum number of header fields of a request."""
    head_seconds: float = 10.0
    """Maximum time to receive the head of a request, and for the first byte on a new connection."""
    silence_seconds: float = 10.0
    """Maximum time in which a client neither reads nor sends before it is disconnected."""
    keep_alive_seconds: float = 75.0
    """Maximum idle time between requests. Longer than the 60 s of common proxies, so that the proxy, which knows about
    its next request, closes first."""
    connections: int = 10_000
    """Maximum number of connections. One more gets an error response and is closed."""
    connections_per_address: int = 0
    """Maximum number of connections per client address. All clients behind a proxy share its address."""
