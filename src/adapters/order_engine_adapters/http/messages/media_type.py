"""Media types in header fields (RFC 9110, section 8.3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

JSON_TYPE: Final = b"application/json"
PROBLEM_TYPE: Final = b"application/problem+json"
LINES_TYPES: Final = (
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonl",
    b"application/jsonlines",
    b"application/x-jsonlines",
)
"""Media types of newline-delimited JSON. None is registered (RFC 6838), so libraries differ. The first is the most
common."""


class MediaType(NamedTuple):
    """A media type or a range of them, and its parameters: all in lower case, values without their quotes."""

    name: bytes
    parameters: Sequence[tuple[bytes, bytes]]


def read_media_type(text: bytes) -> MediaType:
    """Return the media type that a header field names; its name is empty where there is none."""
    name, *parameters = text.lower().split(b";")
    pairs = (parameter.partition(b"=") for parameter in parameters)
    return MediaType(name.strip(), [(key.strip(), value.strip().strip(b"\"'")) for key, _, value in pairs])
