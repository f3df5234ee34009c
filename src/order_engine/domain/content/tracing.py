"""The trace that an order belongs to: the `traceparent` of W3C Trace Context, level 1 (sections 3.2 and 3.2.4)."""

from __future__ import annotations

import re
from typing import Final

FIRST_VERSION: Final = "00"
"""The version that level 1 knows: four fields, and nothing behind them."""
TRACE_PARENT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)
"""32 and 16 digits, neither of them all zero, in a version that is not ff; later versions may append to it."""
SAMPLED: Final = 0x01
"""The one flag that level 1 knows."""

_TRACE_ID: Final = slice(3, 35)


def read_trace_parent(text: str) -> str | None:
    """Return a valid `traceparent` as version 00 writes it, 55 characters; None for one that is not valid.

    One of version 00 stays as it is. Of a later version those fields are taken that level 1 knows, in its form, as
    section 3.2.4 has it: so what is kept has the same few bytes whatever comes.
    """
    match = TRACE_PARENT.fullmatch(text)
    if match is None:
        return None
    version, trace, parent, flags, rest = match.groups()
    if version == FIRST_VERSION:
        return text if rest is None else None
    return f"{FIRST_VERSION}-{trace}-{parent}-{int(flags, 16) & SAMPLED:02x}"


def trace_id_of(trace_parent: str) -> str:
    """Return the id of the trace, 32 hexadecimal digits, of what `read_trace_parent` has returned."""
    return trace_parent[_TRACE_ID]
