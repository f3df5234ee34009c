"""Trace of an order: `traceparent` of W3C Trace Context, level 1 (sections 3.2 and 3.2.4)."""

from __future__ import annotations

import re
from typing import Final

FIRST_VERSION: Final = "00"
"""The version that level 1 defines: exactly four fields."""
TRACE_PARENT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)
"""32 and 16 digits, neither all zero, in a version other than ff. Later versions may append fields."""
SAMPLED: Final = 0x01
"""The only flag that level 1 defines."""

_TRACE_ID: Final = slice(3, 35)


def read_trace_parent(text: str) -> str | None:
    """Return a valid `traceparent` in the format of version 00 (55 characters); None if invalid.

    For later versions, only the fields of level 1 are kept, as section 3.2.4 requires, so the length never varies.
    """
    match = TRACE_PARENT.fullmatch(text)
    if match is None:
        return None
    version, trace, parent, flags, rest = match.groups()
    if version == FIRST_VERSION:
        return text if rest is None else None
    return f"{FIRST_VERSION}-{trace}-{parent}-{int(flags, 16) & SAMPLED:02x}"


def trace_id_of(trace_parent: str) -> str:
    """Return the trace id (32 hexadecimal digits) of a value returned by `read_trace_parent`."""
    return trace_parent[_TRACE_ID]
