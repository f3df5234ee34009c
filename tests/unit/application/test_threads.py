"""Threads that are kept between two orders."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from order_engine.application.worker.threads import Threads
from tests.unit.application.bench import Bench, order_ids
from tests.unit.application.test_start_trouble import NoThreads
from tests.unit.application.test_worker import completed, threads_catch_up


def on_a_thread(threads: Threads, job: Callable[[], None]) -> threading.Event:
    """Run a job; the event is set at its end."""
    ended = threading.Event()

    def run() -> None:
        job()
        ended.set()

    threads.run(run, "name")
    return ended


def test_a_thread_is_used_again() -> None:
    """Starting one takes its time, in which the event loop waits."""
    threads, used = Threads(), list[threading.Thread]()
    for _ in range(50):
        assert on_a_thread(threads, lambda: used.append(threading.current_thread())).wait(10)
        until_idle(threads)
    assert len(set(used)) == 1
    threads.close()
    used[0].join(10)
    assert not used[0].is_alive()


def until_idle(threads: Threads) -> None:
    """Wait until a thread waits for its next job."""
    assert threads._idle.acquire(timeout=10)  # noqa: SLF001 - there is no other way to see it
    threads._idle.release()  # noqa: SLF001


def test_every_thread_ends_at_the_end_also_one_that_was_busy() -> None:
    """An engine leaves none behind that does nothing."""
    threads, gate, used = Threads(), threading.Event(), list[threading.Thread]()

    def job() -> None:
        used.append(threading.current_thread())
        gate.wait(20)

    ends = [on_a_thread(threads, job) for _ in range(5)]
    threads.close()
    gate.set()
    assert all(end.wait(10) for end in ends)
    for thread in used:
        thread.join(10)
    assert not any(thread.is_alive() for thread in used)
    assert len(set(used)) == 5


def test_a_job_that_comes_beside_the_end_is_done() -> None:
    """An idle thread that was promised a job does it before it ends."""
    for _ in range(200):
        threads = Threads()
        assert on_a_thread(threads, lambda: None).wait(10)
        threads.close()
        assert on_a_thread(threads, lambda: None).wait(10)
        threads.close()


async def test_an_engine_leaves_no_thread_behind() -> None:
    """They end with it."""
    bench, used = Bench(), set[threading.Thread]()
    async with bench.engine(lambda _: used.add(threading.current_thread())) as engine:
        await bench.place(engine, *order_ids(20))
        await threads_catch_up(bench, lambda: completed(bench, 20))
    for thread in used:
        thread.join(10)
    assert not any(thread.is_alive() for thread in used)


def test_who_hears_of_the_end_of_a_job_finds_its_thread_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no second thread can be had, the next job of an order that has ended needs none."""
    NoThreads(monkeypatch, most=1)
    threads, jobs, all_done = Threads(), iter(range(200)), threading.Event()

    def job() -> Callable[[], None]:
        return then

    def then() -> None:
        if next(jobs, None) is None:
            all_done.set()
        else:
            threads.run(job, "name")

    threads.run(job, "name")
    assert all_done.wait(20)
    threads.close()


def test_threads_are_kept_for_jobs_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as can be had; the jobs then start none, and every thread ends at the end."""
    lack, threads, used = NoThreads(monkeypatch, most=3), Threads(), set[threading.Thread]()
    assert threads.reserve(2) == 2
    assert threads.reserve(5) == 3
    assert threads.reserve(1) == 1
    together = threading.Barrier(4)

    def job() -> None:
        used.add(threading.current_thread())
        together.wait(20)

    ends = [on_a_thread(threads, job) for _ in range(3)]
    assert threads.reserve(1) == 0
    together.wait(20)
    assert all(end.wait(10) for end in ends)
    assert (len(used), lack.started) == (3, 3)
    threads.close()
    for thread in used:
        thread.join(10)
    assert not any(thread.is_alive() for thread in used)
