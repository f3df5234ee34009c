"""Splitting a batch body into elements while it arrives, with at most one element in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from order_engine.domain.errors import FieldError, InvalidOrder, MalformedJson, OrderEngineError
from order_engine_adapters.http.errors import BodyTooLarge

Element: TypeAlias = bytes | OrderEngineError
"""JSON text of an element, or the error of an invalid one."""

WHITESPACE: Final = b" \t\r\n"
STRUCTURE: Final = re.compile(rb'[\[\]{},"]')
STRING_STOP: Final = re.compile(rb'"|\\.?', re.DOTALL)
NOT_WHITESPACE: Final = re.compile(rb"[^ \t\r\n]")
BEGINS_A_VALUE: Final = b'{"-0123456789tfn'


class Splitter(Protocol):
    """Protocol: takes parts of a body and yields elements."""

    broken_off: MalformedJson | None
    """The error of a malformed body. Data after it is ignored."""

    def feed(self, part: bytes) -> Iterator[Element]:
        """Yield the elements that end in this part."""
        ...

    def end(self) -> Iterator[Element]:
        """Yield the element that ends with the body."""
        ...


class _Collected:
    """Bytes of one element, up to a limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = bytearray()
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._most:
            self._bytes += part
        else:
            self._bytes.clear()

    def take(self) -> bytes | BodyTooLarge | None:
        """Return the element, or None for a blank one, and start the next."""
        size, text = self._size, bytes(self._bytes).strip(WHITESPACE)
        self._size = 0
        self._bytes.clear()
        if size > self._most:
            return BodyTooLarge(self._most)
        return text or None


class LineSplitter:
    """Splitter for newline-delimited JSON. Skips blank lines; a line over the limit fails alone."""

    broken_off: MalformedJson | None = None

    def __init__(self, most: int) -> None:
        """Accept elements of up to `most` bytes."""
        self._line = _Collected(most)

    def feed(self, part: bytes) -> Iterator[Element]:
        """Yield the lines that end in this part."""
        *whole, rest = part.split(b"\n")
        for line in whole:
            self._line.add(line)
            yield from self.end()
        self._line.add(rest)

    def end(self) -> Iterator[Element]:
        """Yield the last line if it has no line end."""
        element = self._line.take()
        if element is not None:
            yield element


class ArraySplitter:
    """Splitter for a JSON array. It looks only at brackets, commas and strings; elements are parsed separately.

    An element is yielded as soon as it is closed, so that a client can wait for its result before it sends the next.
    """

    def __init__(self, most: int) -> None:
        """Accept elements of up to `most` bytes."""
        self.broken_off: MalformedJson | None = None
        self._element = _Collected(most)
        self._found: list[Element] = []
        self._step: Callable[[bytes, int], int] = self._before_the_array
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, part: bytes) -> Iterator[Element]:
        """Yield the elements that end in this part.

        Raises MalformedJson or InvalidOrder if the body is not an array.
        """
        position = 0
        while position < len(part):
            position = self._step(part, position)
        yield from self._take_found()

    def end(self) -> Iterator[Element]:
        """Record an incomplete array. Raises MalformedJson if the array has not started."""
        if self._step == self._before_the_array:
            message = "The body is empty. It must be a JSON array of orders."
            raise MalformedJson(message)
        if self._step not in {self._after_the_array, self._skip}:
            self._break_off("The array is incomplete.")
        yield from self._take_found()

    def _take_found(self) -> list[Element]:
        found, self._found = self._found, []
        return found

    def _before_the_array(self, part: bytes, position: int) -> int:
        start = NOT_WHITESPACE.search(part, position)
        if start is None:
            return len(part)
        if start[0] == b"[":
            self._step = self._before_the_first
            return start.end()
        if start[0] in BEGINS_A_VALUE:
            raise InvalidOrder((FieldError("", "must be an array of orders"),))
        message = "The body is not JSON. It must be a JSON array of orders."
        raise MalformedJson(message)

    def _before_the_first(self, part: bytes, position: int) -> int:
        start = NOT_WHITESPACE.search(part, position)
        if start is not None and start[0] == b"]":
            self._step = self._after_the_array
            return start.end()
        return self._before_an_element(part, position)

    def _before_an_element(self, part: bytes, position: int) -> int:
        start = NOT_WHITESPACE.search(part, position)
        if start is None:
            return len(part)
        if start[0] in b",]}":
            return self._break_off(f"Expected an order in the array, found {start[0].decode()!r}.")
        self._step = self._inside
        return start.start()

    def _inside(self, part: bytes, position: int) -> int:
        """Collect bytes up to and including the next structural byte."""
        if self._escaped:
            self._escaped = False
            self._element.add(part[position : position + 1])
            return position + 1
        stop = (STRING_STOP if self._in_string else STRUCTURE).search(part, position)
        if stop is None:
            self._element.add(part[position:])
            return len(part)
        if not self._in_string and self._depth == 0 and stop[0] in b",]}":
            # A number or a literal ends only at the next structural byte.
            self._element.add(part[position : stop.start()])
            self._end_element()
            return stop.start()
        self._element.add(part[position : stop.end()])
        self._pass(stop[0])
        if not self._in_string and self._depth == 0:
            self._end_element()
        return stop.end()

    def _pass(self, mark: bytes) -> None:
        if mark == b'"':
            self._in_string = not self._in_string
        elif self._in_string:
            # A trailing backslash escapes the first byte of the next part.
            self._escaped = len(mark) == 1
        elif mark in b"[{":
            self._depth += 1
        elif mark in b"]}":
            self._depth -= 1

    def _end_element(self) -> None:
        element = self._element.take()
        if element is not None:
            self._found.append(element)
        self._step = self._after_an_element

    def _after_an_element(self, part: bytes, position: int) -> int:
        following = NOT_WHITESPACE.search(part, position)
        if following is None:
            return len(part)
        if following[0] == b"]":
            self._step = self._after_the_array
        elif following[0] == b",":
            self._step = self._before_an_element
        else:
            return self._break_off("Expected a comma after an order in the array.")
        return following.end()

    def _after_the_array(self, part: bytes, position: int) -> int:
        if NOT_WHITESPACE.search(part, position) is not None:
            return self._break_off("Unexpected data after the array.")
        return len(part)

    def _break_off(self, reason: str) -> int:
        self.broken_off = MalformedJson(
            f"{reason} The orders before this point were processed. The rest of the body was not read."
        )
        self._step = self._skip
        return 0

    def _skip(self, part: bytes, _: int) -> int:
        return len(part)
