"""What connections send leaves at the end of the turn, whole, in order, and before they end."""

from __future__ import annotations

import asyncio

from order_engine_adapters.http.server.write_buffer import MAX_BUFFERED_BYTES, MAX_FLUSHES, FlushQueue, WriteBuffer


class Wire(asyncio.Transport):
    """Records what it is told to send, under the connection's name."""

    def __init__(self, name: str, record: list[tuple[str, str]]) -> None:
        """Write into `record`."""
        super().__init__()
        self._name = name
        self._record = record
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record it."""
        self._record.append((self._name, bytes(data).decode()))

    def write_eof(self) -> None:
        """Record it."""
        self._record.append((self._name, "end"))

    def close(self) -> None:
        """Record it."""
        self._closing = True
        self._record.append((self._name, "close"))

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Everything was taken."""
        return 0


async def turn_over() -> None:
    """Let the event loop come to the end of what it is at."""
    await asyncio.sleep(0)


async def test_what_is_written_in_one_turn_leaves_at_its_end_with_one_write_for_each_connection() -> None:
    """So that the answers of a turn wake their clients together."""
    record: list[tuple[str, str]] = []
    flushes, loop = FlushQueue(), asyncio.get_running_loop()
    one, other = (WriteBuffer(Wire(name, record), flushes, loop) for name in ("one", "other"))
    one.write(b"a")
    other.write(b"b")
    one.write(b"c")
    assert record == []
    await turn_over()
    assert record == [("one", "ac"), ("other", "b")]
    other.write(b"d")
    await turn_over()
    assert record[2:] == [("other", "d")]


async def test_what_was_written_leaves_before_the_end_and_nothing_after_it() -> None:
    """An answer is not lost because its connection ends in the same turn."""
    record: list[tuple[str, str]] = []
    flushes, loop = FlushQueue(), asyncio.get_running_loop()
    closed, ended = (WriteBuffer(Wire(name, record), flushes, loop) for name in ("closed", "ended"))
    closed.write(b"a")
    closed.close()
    closed.write(b"too late")
    ended.write(b"b")
    ended.write_end()
    await turn_over()
    assert record == [("closed", "a"), ("closed", "close"), ("ended", "b"), ("ended", "end")]


async def test_much_is_written_at_once() -> None:
    """Who writes on and on within one turn hears from the transport that the client does not read."""
    record: list[tuple[str, str]] = []
    outgoing = WriteBuffer(Wire("one", record), FlushQueue(), asyncio.get_running_loop())
    outgoing.write(b"x" * MAX_BUFFERED_BYTES)
    assert record == []
    outgoing.write(b"y")
    assert record == [("one", "x" * MAX_BUFFERED_BYTES + "y")]
    await turn_over()
    assert len(record) == 1


async def test_asking_how_much_is_unsent_counts_what_waits() -> None:
    """A deadline that looks at a connection must not take it for one that has sent everything."""
    record: list[tuple[str, str]] = []
    outgoing = WriteBuffer(Wire("one", record), FlushQueue(), asyncio.get_running_loop())
    outgoing.write(b"a")
    assert outgoing.unsent_bytes() == 0
    assert record == [("one", "a")]


async def test_many_connections_send_over_several_turns() -> None:
    """An event for thousands of streams lets others have their turn in between; each gets what is its own, in order."""
    record: list[tuple[str, str]] = []
    flushes, loop = FlushQueue(), asyncio.get_running_loop()
    names = [str(number) for number in range(2 * MAX_FLUSHES + 1)]
    lines = [WriteBuffer(Wire(name, record), flushes, loop) for name in names]
    for line in lines:
        line.write(b"a")
    await turn_over()
    assert len(record) == MAX_FLUSHES
    lines[-1].write(b"b")
    lines[0].write(b"b")
    for _ in range(3):
        await turn_over()
    expected = [(name, "a") for name in names[:-1]]
    assert record == [*expected, (names[-1], "ab"), ("0", "b")]
