"""Formats of batch bodies and responses: newline-delimited JSON and JSON arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from order_engine_adapters.http.batch.splitter import ArraySplitter, LineSplitter, Splitter
from order_engine_adapters.http.messages.media_type import JSON_TYPE, LINES_TYPES
from order_engine_adapters.http.messages.responses import Header


@dataclass(frozen=True, slots=True)
class BatchFormat:
    """How elements are split and results are joined.

    `opening` precedes the first result, `separator` every other result; `ending` follows each result, `closing` the
    last.
    """

    media_type: bytes
    splitter: type[ArraySplitter | LineSplitter]
    opening: bytes
    separator: bytes
    ending: bytes
    closing: bytes

    def split(self, most_bytes: int) -> Splitter:
        """Return a splitter for elements of up to `most_bytes`."""
        return self.splitter(most_bytes)

    def text(self, answers: Sequence[bytes], *, is_first: bool) -> bytes:
        """Return the serialized results."""
        begin = self.opening if is_first else self.separator
        return begin + (self.ending + self.separator).join(answers) + self.ending


BATCH_FORMATS: Final[Mapping[bytes, BatchFormat]] = {
    **{
        each: BatchFormat(each, LineSplitter, opening=b"", separator=b"", ending=b"\n", closing=b"")
        for each in LINES_TYPES
    },
    JSON_TYPE: BatchFormat(JSON_TYPE, ArraySplitter, opening=b"[", separator=b",\n", ending=b"", closing=b"]\n"),
}
"""Formats by the media type of the body, which is also that of the response."""


class BatchResponse(Protocol):
    """Protocol of a batch response. The context ends with the last result; after an error nothing more is sent."""

    headers: list[Header]
    """Additional response headers; changes count until the response has begun."""

    @property
    def are_too_many(self) -> bool:
        """Whether the size limit is reached."""
        ...

    async def __aenter__(self) -> Self:
        """Start the response."""
        ...

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send the remaining results and end the response."""
        ...

    async def put(self, answers: Sequence[bytes]) -> None:
        """Add results. Raises ClientGone if the client does not read them."""
        ...
