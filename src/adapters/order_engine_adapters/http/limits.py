"""Size and time limits of the HTTP adapter. Each has the default and the range of its setting."""

from __future__ import annotations

from dataclasses import dataclass

from order_engine.domain.setting import check, declared_in
from order_engine_adapters.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one application. The engine has its own limits for the content of orders.

    Raises InvalidSetting for a value out of its range.
    """

    body_bytes: int = declared_in(Settings, "max_body_bytes")
    """Maximum size of the body of one order, and of one element of a batch."""
    batch_bytes: int = declared_in(Settings, "max_batch_bytes")
    """Maximum size of a batch body, which is read as a stream."""
    body_seconds: float = declared_in(Settings, "body_seconds")
    """Maximum time without data before a request is aborted."""
    kept_answer_bytes: int = declared_in(Settings, "max_kept_answer_bytes")
    """Buffered results of a batch whose body is incomplete, in a temporary file beyond the first MiB. At the limit,
    reading stops. It is enough for the results of 64 MiB of orders that are all placed."""
    unread_bytes: int = declared_in(Settings, "max_unread_bytes")
    """Unread results of a streamed batch. At the limit, no more of its orders are placed."""
    max_streams: int = declared_in(Settings, "max_streams")
    """Maximum number of open event streams."""
    stream_bytes: int = declared_in(Settings, "max_stream_bytes")
    """Buffered events for slow streams, in total. Streams that fall behind are dropped."""
    heartbeat_seconds: float = declared_in(Settings, "heartbeat_seconds")
    """Interval between heartbeats of an event stream."""

    def __post_init__(self) -> None:
        """Check every limit."""
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of one server. Raises InvalidSetting for a value out of its range."""

    request_line_bytes: int = declared_in(Settings, "max_request_line_bytes")
    """Maximum length of a request line, without its CRLF."""
    header_bytes: int = declared_in(Settings, "max_header_bytes")
    """Maximum size of the header: all fields with their colons and CRLFs."""
    fields: int = declared_in(Settings, "max_headers")
    """Maximum number of header fields of a request."""
    head_seconds: float = declared_in(Settings, "head_seconds")
    """Maximum time to receive the head of a request, and for the first byte on a new connection."""
    silence_seconds: float = declared_in(Settings, "body_seconds")
    """Maximum time in which a client neither reads nor sends before it is disconnected."""
    keep_alive_seconds: float = declared_in(Settings, "keep_alive_seconds")
    """Maximum idle time between requests. Longer than the 60 s of common proxies, so that the proxy, which knows about
    its next request, closes first."""
    connections: int = declared_in(Settings, "max_connections")
    """Maximum number of connections. One more gets an error response and is closed."""
    connections_per_address: int = declared_in(Settings, "max_connections_per_address")
    """Maximum number of connections per client address. All clients behind a proxy share its address."""

    def __post_init__(self) -> None:
        """Check every limit."""
        check(self)
