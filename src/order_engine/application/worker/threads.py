"""Threads for plain functions, kept between two orders."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from typing import Final, NamedTuple

NO_THREAD: Final = (RuntimeError, MemoryError, OSError)
"""What is raised where no more threads can be started."""


class Job(NamedTuple):
    """What a thread does next, and what it is called meanwhile. What it returns is called once the thread is idle."""

    run: Callable[[], Callable[[], None] | None]
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

    def run(self, job: Callable[[], Callable[[], None] | None], name: str) -> None:
        """Run `job` in a thread called `name`. Raises whatever keeps the system from starting one more thread.

        What it returns is called when the thread is idle already: whoever hears of the end finds it so.
        """
        if self._idle.acquire(blocking=False):
            self._jobs.put(Job(job, name))
        else:
            self._start(Job(job, name))

    def reserve(self, jobs: int) -> int:
        """See to it that so many jobs find an idle thread; return how many will, where no more threads can be had."""
        found = 0
        while found < jobs and self._idle.acquire(blocking=False):
            found += 1
        with suppress(*NO_THREAD):
            while found < jobs:
                self._start(None)
                found += 1
        if found:
            self._idle.release(found)
        return found

    def close(self) -> None:
        """Let every thread end when it is idle. Jobs may follow all the same."""
        ending, self._started = self._started, 0
        for _ in range(ending):
            self._jobs.put(None)

    def _start(self, job: Job | None) -> None:
        Thread(target=self._work, args=(job,), daemon=True).start()
        self._started += 1

    def _work(self, job: Job | None) -> None:
        """Do this job, where there is one, and those that follow."""
        thread = current_thread()
        job = job or self._next()
        while job is not None:
            thread.name = job.name
            notify = job.run()
            # An idle thread keeps no order in memory.
            del job
            self._idle.release()
            if notify is not None:
                notify()
            del notify
            job = self._next()

    def _next(self) -> Job | None:
        """Wait for the next job; None: this thread is to end."""
        job = self._jobs.get()
        while job is None and not self._idle.acquire(blocking=False):
            # A job was left to this thread the moment before it was to end.
            job = self._jobs.get()
        return job
