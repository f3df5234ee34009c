"""Splitting the body of a batch into its elements while it comes in, without reading more of it than one element."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from order_engine.domain.errors import FieldError, InvalidOrder, MalformedJson, OrderEngineError
from order_engine_adapters.http.errors import BodyTooLarge

Element: TypeAlias = bytes | OrderEngineError
"""The JSON text of one element, or why it is none."""

WHITESPACE: Final = b" \t\r\n"
STRUCTURE: Final = re.compile(rb'[\[\]{},"]')
STRING_STOP: Final = re.compile(rb'"|\\.?', re.DOTALL)
NOT_WHITESPACE: Final = re.compile(rb"[^ \t\r\n]")
BEGINS_A_VALUE: Final = b'{"-0123456789tfn'


class Splitter(Protocol):
    """Takes a body in parts and gives its elements."""

    broken_off: MalformedJson | None
    """Why no further element comes, where the form of the body is broken; nothing after that is looked at."""

    def feed(self, part: bytes) -> Iterator[Element]:
        """Yield the elements that end in this part."""
        ...

    def end(self) -> Iterator[Element]:
        """Yield what the end of the body makes an element."""
        ...


class _Collected:
    """The bytes of one element, up to a limit."""

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
        """Return the element, or None for a blank one, and begin the next."""
        size, text = self._size, bytes(self._bytes).strip(WHITESPACE)
        self._size = 0
        self._bytes.clear()
        if size > self._most:
            return BodyTooLarge(self._most)
        return text or None


class LineSplitter:
    """Newline-delimited JSON: blank lines are skipped, and a line over the limit fails alone."""

    broken_off: MalformedJson | None = None

    def __init__(self, most: int) -> None:
        """Take elements of up to `most` bytes."""
        self._line = _Collected(most)

    def feed(self, part: bytes) -> Iterator[Element]:
        """Yield the lines that end in this part."""
        *whole, rest = part.split(b"\n")
        for line in whole:
            self._line.add(line)
            yield from self.end()
        self._line.add(rest)

    def end(self) -> Iterator[Element]:
        """Yield the line that has begun."""
        element = self._line.take()
        if element is not None:
            yield element


class ArraySplitter:
    """A JSON array. Only brackets, commas and strings are looked at: each element is parsed by itself afterwards.

    An element is given as soon as it is closed, so that its client may wait for the answer before it sends the next.
    """

    def __init__(self, most: int) -> None:
        """Take elements of up to `most` bytes."""
        self.broken_off: MalformedJson | None = None
        self._element = _Collected(most)
        self._found: list[Element] = []
        self._step: Callable[[bytes, int], int] = self._before_the_array
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, part: bytes) -> Iterator[Element]:
        """Yield the elements that end in this part. Raises MalformedJson or InvalidOrder where the body is no array."""
        position = 0
        while position < len(part):
            position = self._step(part, position)
        yield from self._take_found()

    def end(self) -> Iterator[Element]:
        """Note where the array has not come to its end; raise MalformedJson where it has not begun."""
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
        """Go on to the next byte that matters, and keep everything up to it."""
        if self._escaped:
            self._escaped = False
            self._element.add(part[position : position + 1])
            return position + 1
        stop = (STRING_STOP if self._in_string else STRUCTURE).search(part, position)
        if stop is None:
            self._element.add(part[position:])
            return len(part)
        if not self._in_string and self._depth == 0 and stop[0] in b",]}":
            # A number or a word, which only what follows it ends.
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
            # A backslash that is the last byte of its part: what it escapes is in the next one.
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
