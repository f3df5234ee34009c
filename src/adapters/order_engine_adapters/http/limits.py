"""How much the HTTP adapter reads, and how long it waits for it."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one application; the limits of an order's content and of the engine's work are the engine's own."""

    body_bytes: int = MEBIBYTE
    """The largest body of one order, and the largest element of a batch."""
    batch_bytes: int = 64 * MEBIBYTE
    """The largest body of a batch, which is read as a stream."""
    body_seconds: float = 10.0
    """How long a body may be silent before its request is given up."""
    unread_bytes: int = 32 * MEBIBYTE
    """Answers of a batch that its client has not read yet; over that, no more of its orders are taken."""
