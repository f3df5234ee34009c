"""How much the HTTP adapter reads, and how long it waits for it."""

from __future__ import annotations

from dataclasses import dataclass

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one application; the limits of an order's content and of the engine's work are the engine's own."""

    body_bytes: int = MEBIBYTE
    """The largest body of one order, and the largest element of a batch."""
    batch_bytes: int = 64 * MEBIBYTE
    """The largest body of a batch, which is read as a stream."""
    body_seconds: float = 10.0
    """How long a body may be silent before its request is given up."""
    kept_answer_bytes: int = 256 * MEBIBYTE
    """Answers of a batch that wait until its body is complete, in a temporary file past the first MiB; over that, no
    more of it is read. The answers to 64 MiB of orders that are placed fit into it, however short those are."""
    unread_bytes: int = 32 * MEBIBYTE
    """Answers of a batch that its client, who wants them while it sends, has not read yet; over that, no more of its
    orders are taken."""
    max_streams: int = 5_000
    """Event streams that may be open at once."""
    stream_bytes: int = 16 * MEBIBYTE
    """Events that are kept for streams which are read slowly, for all together; who is behind that is dropped."""
    heartbeat_seconds: float = 15.0
    """How often an event stream gives a sign of life, whether there are events or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of one server, below any application. Of all of them only `connections_per_address` may be 0: none."""

    request_line_bytes: int = 8 * KIBIBYTE
    """The longest request line, without its CRLF."""
    header_bytes: int = 64 * KIBIBYTE
    """The largest header: each field with its colon and its CRLF."""
    fields: int = 200
    """The most header fields of a request."""
    head_seconds: float = 10.0
    """How long the head of a request may take, from its first byte; also how long a new connection may say nothing."""
    silence_seconds: float = 10.0
    """How long a client may neither read its answer nor send before its connection is cut off."""
    keep_alive_seconds: float = 75.0
    """How long a connection may wait for its next request: longer than the 60 s of common proxies, so that those, which
    know what they are about to send, close first."""
    connections: int = 10_000
    """The most connections at once; one more is told so and closed."""
    connections_per_address: int = 0
    """The same for one address of a client. A proxy in front of the service is one address for all."""
