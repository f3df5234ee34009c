"""Threads for plain functions, kept between two orders."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from typing import NamedTuple


class Job(NamedTuple):
    """What a thread does next, and what it is called meanwhile."""

    run: Callable[[], None]
    name: str


class Threads:
    """Runs each job at once, in a thread that is idle or else in a new one.

    Threads are kept, because starting one waits until it has its turn: beside functions that compute, the event loop
    stood still for 0.4 s with each start. They are daemons, for a function that hangs must not keep the process from
    ending. A job must not raise.
    """

    def __init__(self) -> None:
        """Start without a thread."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._started = 0

    def run(self, job: Callable[[], None], name: str) -> None:
        """Run `job` in a thread called `name`. Raises whatever keeps the system from starting one more thread."""
        if self._idle.acquire(blocking=False):
            self._jobs.put(Job(job, name))
        else:
            Thread(target=self._work, args=(Job(job, name),), daemon=True).start()
            self._started += 1

    def close(self) -> None:
        """Let every thread end when it is idle. Jobs may follow all the same."""
        ending, self._started = self._started, 0
        for _ in range(ending):
            self._jobs.put(None)

    def _work(self, job: Job | None) -> None:
        thread = current_thread()
        while job is not None:
            thread.name = job.name
            job.run()
            # An idle thread keeps no order in memory.
            del job
            self._idle.release()
            job = self._jobs.get()
            while job is None and not self._idle.acquire(blocking=False):
                # A job was left to this thread the moment before it was to end.
                job = self._jobs.get()
