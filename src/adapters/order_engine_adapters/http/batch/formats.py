"""The forms of a batch: newline-delimited JSON and a JSON array, in which its answers are put together too."""

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
    """How elements are split, and how answers are joined.

    `opening` is before the first answer, `separator` before each other one, `ending` after each, `closing` at the end.
    """

    media_type: bytes
    splitter: type[ArraySplitter | LineSplitter]
    opening: bytes
    separator: bytes
    ending: bytes
    closing: bytes

    def split(self, most_bytes: int) -> Splitter:
        """Return what splits one body into elements of up to `most_bytes`."""
        return self.splitter(most_bytes)

    def text(self, answers: Sequence[bytes], *, is_first: bool) -> bytes:
        """Return some answers as they are sent."""
        begin = self.opening if is_first else self.separator
        return begin + (self.ending + self.separator).join(answers) + self.ending


BATCH_FORMATS: Final[Mapping[bytes, BatchFormat]] = {
    **{
        each: BatchFormat(each, LineSplitter, opening=b"", separator=b"", ending=b"\n", closing=b"")
        for each in LINES_TYPES
    },
    JSON_TYPE: BatchFormat(JSON_TYPE, ArraySplitter, opening=b"[", separator=b",\n", ending=b"", closing=b"]\n"),
}
"""The forms by the media type of the body, which is that of the answer too."""


class BatchResponse(Protocol):
    """Takes the answers of one batch. Its context ends with the last one; after an error nothing more is sent."""

    headers: list[Header]
    """Header fields of the response beside its usual ones, as long as it has not begun."""

    @property
    def are_too_many(self) -> bool:
        """Whether no more of them should be kept."""
        ...

    async def __aenter__(self) -> Self:
        """Begin."""
        ...

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send what is left, and end the response."""
        ...

    async def put(self, answers: Sequence[bytes]) -> None:
        """Take some answers. Raises ClientGone where the client does not read them."""
        ...
