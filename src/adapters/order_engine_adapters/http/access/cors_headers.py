"""The header fields between the service and a page of another origin: what it may send, and what it may read.

A browser lets such a page send and read those alone that are named here (Fetch, sections 3.3.3 and 3.3.4).
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
"""What the service reads of those that a page can set. A browser sets the others by itself, whatever the page says."""
PASSED_OVER: Final = ("Baggage", "Cache-Control", "Pragma", "Tracestate", "X-Requested-With")
"""What libraries add to every request of a page: those of traces (W3C Trace Context and Baggage), of event streams, and
of requests from scripts. The service does not read it, but a browser that is not allowed to send it sends nothing."""
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
"""What an answer says to programs, beside what every page may read anyway."""
SENT_BY_PAGES: Final = ", ".join(sorted([*READ, *PASSED_OVER])).encode("ascii")
READ_BY_PAGES: Final = ", ".join(ANSWERED).encode("ascii")
