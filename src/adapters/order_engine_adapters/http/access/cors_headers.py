"""Headers that pages of other origins may send and read.

A browser lets such a page send and read only the headers listed here (Fetch, sections 3.3.3 and 3.3.4).
"""

from __future__ import annotations

from typing import Final

READ: Final = (
    "Accept",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "Traceparent",
    "X-Request-ID",
)
"""Request headers that the service reads and a page can set. Browsers set all others themselves."""
PASSED_OVER: Final = ("Baggage", "Cache-Control", "Pragma", "Tracestate", "X-Requested-With")
"""Request headers that client libraries add: tracing (W3C Trace Context and Baggage), event streams, and scripts. The
service ignores them, but a browser that may not send them does not send the request."""
ANSWERED: Final = (
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "Vary",
    "WWW-Authenticate",
    "X-Request-ID",
)
"""Response headers for programs, in addition to those that every page may read."""
SENT_BY_PAGES: Final = ", ".join(sorted([*READ, *PASSED_OVER])).encode("ascii")
READ_BY_PAGES: Final = ", ".join(ANSWERED).encode("ascii")
