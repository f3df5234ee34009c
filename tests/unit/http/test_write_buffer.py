"""What connections send is flushed at the end of an iteration of the event loop, complete and in order."""

from __future__ import annotations

import asyncio

from order_engine_adapters.http.server.write_buffer import MAX_BUFFERED_BYTES, MAX_FLUSHES, FlushQueue, WriteBuffer


class Wire(asyncio.Transport):
    """Records what is sent, with the name of the connection."""

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


async def end_iteration() -> None:
    """Wait for the end of this iteration of the event loop."""
    await asyncio.sleep(0)


async def test_each_connection_is_flushed_once_per_iteration() -> None:
    """So that the responses of an iteration wake their clients together."""
    record: list[tuple[str, str]] = []
    flushes, loop = FlushQueue(), asyncio.get_running_loop()
    one, other = (WriteBuffer(Wire(name, record), flushes, loop) for name in ("one", "other"))
    one.write(b"a")
    other.write(b"b")
    one.write(b"c")
    assert record == []
    await end_iteration()
    assert record == [("one", "ac"), ("other", "b")]
    other.write(b"d")
    await end_iteration()
    assert record[2:] == [("other", "d")]


async def test_a_buffer_is_flushed_before_its_connection_closes() -> None:
    """A response is not lost, and nothing is sent after the end."""
    record: list[tuple[str, str]] = []
    flushes, loop = FlushQueue(), asyncio.get_running_loop()
    closed, ended = (WriteBuffer(Wire(name, record), flushes, loop) for name in ("closed", "ended"))
    closed.write(b"a")
    closed.close()
    closed.write(b"too late")
    ended.write(b"b")
    ended.write_end()
    await end_iteration()
    assert record == [("closed", "a"), ("closed", "close"), ("ended", "b"), ("ended", "end")]


async def test_a_large_buffer_is_flushed_at_once() -> None:
    """So that the transport can report a client that does not read."""
    record: list[tuple[str, str]] = []
    outgoing = WriteBuffer(Wire("one", record), FlushQueue(), asyncio.get_running_loop())
    outgoing.write(b"x" * MAX_BUFFERED_BYTES)
    assert record == []
    outgoing.write(b"y")
    assert record == [("one", "x" * MAX_BUFFERED_BYTES + "y")]
    await end_iteration()
    assert len(record) == 1


async def test_unsent_bytes_include_the_buffer() -> None:
    """A deadline must not take the connection for one that has sent everything."""
    record: list[tuple[str, str]] = []
    outgoing = WriteBuffer(Wire("one", record), FlushQueue(), asyncio.get_running_loop())
    outgoing.write(b"a")
    assert outgoing.unsent_bytes() == 0
    assert record == [("one", "a")]


async def test_many_connections_are_flushed_over_several_iterations() -> None:
    """An event for thousands of streams does not block the event loop. Each stream gets its data in order."""
    record: list[tuple[str, str]] = []
    flushes, loop = FlushQueue(), asyncio.get_running_loop()
    names = [str(number) for number in range(2 * MAX_FLUSHES + 1)]
    lines = [WriteBuffer(Wire(name, record), flushes, loop) for name in names]
    for line in lines:
        line.write(b"a")
    await end_iteration()
    assert len(record) == MAX_FLUSHES
    lines[-1].write(b"b")
    lines[0].write(b"b")
    for _ in range(3):
        await end_iteration()
    expected = [(name, "a") for name in names[:-1]]
    assert record == [*expected, (names[-1], "ab"), ("0", "b")]
