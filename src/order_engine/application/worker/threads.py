"""Reusable threads for plain functions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from typing import Final, NamedTuple

NO_THREAD: Final = (RuntimeError, MemoryError, OSError)
"""Errors raised if no thread can be started."""


class Job(NamedTuple):
    """Job of a thread, and the thread's name meanwhile. Its result is called once the thread is idle."""

    run: Callable[[], Callable[[], None] | None]
    name: str


class Threads:
    """Runs each job immediately, in an idle thread or in a new one.

    Threads are reused, since starting one blocks until it runs: with computing functions in parallel, each start
    blocked the event loop for 0.4 s. They are daemon threads, so that a function that hangs does not prevent the
    process from exiting. A job must not raise.
    """

    def __init__(self) -> None:
        """Start without threads."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._started = 0

    def run(self, job: Callable[[], Callable[[], None] | None], name: str) -> None:
        """Run `job` in a thread named `name`. Raises an error of `NO_THREAD` if no thread can be started.

        The callable that `job` returns is called after the thread has become idle, so that the next job can use it.
        """
        if self._idle.acquire(blocking=False):
            self._jobs.put(Job(job, name))
        else:
            self._start(Job(job, name))

    def reserve(self, jobs: int) -> int:
        """Start threads until `jobs` are idle, as far as possible; return the number of idle ones, at most `jobs`."""
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
        """Let every thread end when it is idle. Further jobs are still possible."""
        ending, self._started = self._started, 0
        for _ in range(ending):
            self._jobs.put(None)

    def _start(self, job: Job | None) -> None:
        Thread(target=self._work, args=(job,), daemon=True).start()
        self._started += 1

    def _work(self, job: Job | None) -> None:
        """Run this job, if any, and the following ones."""
        thread = current_thread()
        job = job or self._next()
        while job is not None:
            thread.name = job.name
            notify = job.run()
            # An idle thread must not keep an order in memory.
            del job
            self._idle.release()
            if notify is not None:
                notify()
            del notify
            job = self._next()

    def _next(self) -> Job | None:
        """Wait for the next job; None: end this thread."""
        job = self._jobs.get()
        while job is None and not self._idle.acquire(blocking=False):
            # A job was assigned to this thread just before it was to end.
            job = self._jobs.get()
        return job
