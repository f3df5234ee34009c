"""Processors that leave something behind: threads, tasks, processes. Run by real services under test."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

from order_engine import Order

LONG = 300.0
FORK = multiprocessing.get_context("fork")
kept: list[object] = []


def note(line: str) -> None:
    """Write a line that the test finds in the working directory."""
    with Path("noted").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def leave_in_order() -> None:
    """Note that the functions that were registered to run at the end have run."""
    note("left in order")


atexit.register(leave_in_order)


# Work that does not stop


async def sleep_in_thread(_: Order) -> None:
    """Block a thread of the loop's own."""
    await asyncio.to_thread(time.sleep, LONG)


async def swallow_cancellation(_: Order) -> None:
    """Continue despite cancellation."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(LONG)


async def block_loop(_: Order) -> None:
    """Block the event loop."""
    time.sleep(LONG)  # noqa: ASYNC251 - what is tried


async def leave_a_task(_: Order) -> None:
    """Leave a task behind that does not end."""

    async def go_on() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(LONG)

    kept.append(asyncio.create_task(go_on()))


async def leave_a_thread(_: Order) -> None:
    """Leave a thread behind that the interpreter waits for."""
    threading.Thread(target=time.sleep, args=(LONG,)).start()


async def leave_a_generator(_: Order) -> None:
    """Leave an asynchronous generator behind that does not close."""

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(LONG)

    generator = numbers()
    kept.append(generator)
    await anext(generator)


async def busy_pool(_: Order) -> None:
    """Work in another process, for longer than anybody waits."""
    executor = ProcessPoolExecutor(1, mp_context=FORK)
    kept.append(executor)
    pid = await asyncio.get_running_loop().run_in_executor(executor, os.getpid)
    note(f"busy_pool left {pid}")
    await asyncio.get_running_loop().run_in_executor(executor, time.sleep, LONG)


# Children


def _stay() -> None:
    time.sleep(LONG)


def _end(child: BaseProcess) -> str:
    """Terminate a process, and return how it has ended."""
    child.terminate()
    child.join()
    # A pool waits for its processes too; whoever is second knows of no exit code until the first has noted it.
    for _ in range(1000):
        if child.exitcode is not None:
            break
        time.sleep(0.01)
    return f"ended {child.exitcode}"


async def process(_: Order) -> str:
    """Start a process and terminate it."""
    child = FORK.Process(target=_stay)
    child.start()
    await asyncio.sleep(0.2)
    return await asyncio.to_thread(_end, child)


async def process_in_thread(_: Order) -> str:
    """Start a process from a thread and terminate it."""

    def work() -> str:
        child = FORK.Process(target=_stay)
        child.start()
        time.sleep(0.2)
        return _end(child)

    return await asyncio.to_thread(work)


async def pool(_: Order) -> str:
    """Let a pool of processes work, and terminate one of them."""
    executor = ProcessPoolExecutor(1, mp_context=FORK)
    await asyncio.get_running_loop().run_in_executor(executor, os.getpid)
    (child,) = multiprocessing.active_children()
    ended = await asyncio.to_thread(_end, child)
    executor.shutdown(wait=False)
    return ended


async def fork(_: Order) -> str:
    """Fork by hand, and terminate the child."""
    pid = os.fork()
    if pid == 0:
        time.sleep(LONG)  # noqa: ASYNC251 - in the child
        os._exit(0)
    await asyncio.sleep(0.2)
    os.kill(pid, signal.SIGTERM)
    return await _reaped(pid)


async def program(_: Order) -> str:
    """Start another program, and terminate it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])  # noqa: ASYNC220 - is tried
    await asyncio.sleep(0.2)
    child.terminate()
    return f"ended {await asyncio.to_thread(child.wait)}"


async def fork_that_exits(_: Order) -> str:
    """Fork, and end the child as a program ends, in the middle of the parent's work."""
    pid = os.fork()
    if pid == 0:
        sys.exit(3)
    return await _reaped(pid)


async def fork_that_fails(_: Order) -> str:
    """Fork, and let the child fail."""
    pid = os.fork()
    if pid == 0:
        raise ValueError
    return await _reaped(pid)


async def fork_that_returns(_: Order) -> str:
    """Fork, and forget that the child has to be ended."""
    pid = os.fork()
    return "" if pid == 0 else await _reaped(pid)


async def leave_a_child(_: Order) -> str:
    """Leave a process behind that outlives its parent."""
    child = FORK.Process(target=_stay)
    child.start()
    kept.append(child)
    return f"left {child.pid}"


async def _reaped(pid: int) -> str:
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    return f"ended {os.waitstatus_to_exitcode(status)}"


async def work(order: Order) -> None:
    """Do what the order's user is called, and note how it went."""
    name = order.user_id
    note(f"{name} began")
    outcome = await globals()[name](order)
    note(f"{name} {outcome}")


def block_thread(_: Order) -> None:
    """Block the thread of a plain function."""
    note("block_thread began")
    time.sleep(LONG)


if "STUBBORN_END_SECONDS" in os.environ:
    atexit.register(time.sleep, float(os.environ["STUBBORN_END_SECONDS"]))
if "STUBBORN_IMPORT_SECONDS" in os.environ:
    note("importing")
    # In C, where the interpreter hears of no signal.
    ctypes.CDLL(None).sleep(int(os.environ["STUBBORN_IMPORT_SECONDS"]))
