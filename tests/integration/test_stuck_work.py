"""Work that does not stop: the process ends all the same, soon after the grace time, and at once if asked again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.integration.service import Service, wait_until
from tests.integration.stubborn_service import do, import_works, is_alive, left_processes, noted, stubborn

STUCK = ("sleep_in_thread", "swallow_cancellation", "leave_a_task", "leave_a_thread", "leave_a_generator", "busy_pool")
SECONDS = 40.0
"""Grace and a few seconds, on a busy machine."""


def expect_end(service: Service, folder: Path) -> None:
    """Check that a process that was asked to end does so, in order as far as that is possible."""
    assert service.wait(SECONDS) == 0
    assert "Traceback" not in service.errors
    assert "left in order" in noted(folder)
    wait_until(lambda: not any(map(is_alive, left_processes(folder))), 5, "no child works on")


@pytest.mark.parametrize("uvloop", [True, False])
def test_a_service_ends_whatever_its_processor_does(tmp_path: Path, uvloop: bool) -> None:  # noqa: FBT001 - a case
    """Threads, tasks, generators and pools that do not stop are left; it drains, and ends with exit code 0."""
    with stubborn(tmp_path, uvloop=uvloop) as service:
        do(service.wait_ready(), *STUCK)
        wait_until(lambda: bool(left_processes(tmp_path)), SECONDS, "the pool works")
        service.signal()
        expect_end(service, tmp_path)
        assert service.output.rstrip().endswith("drained")


def test_a_worker_ends_whatever_its_processor_does(tmp_path: Path) -> None:
    """The same without HTTP."""
    import_works(tmp_path, *STUCK)
    with stubborn(tmp_path, command="worker") as worker:
        wait_until(lambda: "busy_pool left" in noted(tmp_path), SECONDS, "the pool works")
        worker.signal(signal.SIGINT)
        expect_end(worker, tmp_path)


@pytest.mark.parametrize(("processor", "work"), [("work", "block_loop"), ("block_thread", "block_thread")])
def test_a_service_ends_whose_loop_or_thread_is_blocked(tmp_path: Path, processor: str, work: str) -> None:
    """Neither an event loop that is blocked nor the thread of a plain function holds the end up."""
    with stubborn(tmp_path, processor=processor) as service:
        do(service.wait_ready(), work)
        service.signal()
        expect_end(service, tmp_path)


@pytest.mark.parametrize("work", ["sleep_in_thread", "block_loop"])
def test_a_second_signal_ends_a_drain_at_once(tmp_path: Path, work: str) -> None:
    """Asked again it ends without its grace time, also while the event loop is blocked."""
    with stubborn(tmp_path, "--grace-seconds", "600") as service:
        do(service.wait_ready(), work)
        service.signal(signal.SIGINT)
        with pytest.raises(TimeoutError):
            wait_ended(service, 1)
        service.signal(signal.SIGINT)
        assert service.wait(5) == 0
        assert "Traceback" not in service.errors


def test_a_signal_ends_the_end_at_once(tmp_path: Path) -> None:
    """While the interpreter waits for threads, another signal ends the process."""
    with stubborn(tmp_path, variables={"STUBBORN_END_SECONDS": "300"}) as service:
        do(service.wait_ready(), "sleep_in_thread", "leave_a_thread")
        service.signal()
        wait_until(lambda: "drained" in service.output, SECONDS, "it has drained")
        service.signal()
        # By itself it would end after three seconds and those that the farewell may take.
        assert service.wait(2.5) == 0


def wait_ended(service: Service, seconds: float) -> None:
    """Wait for the end. Raises TimeoutError."""
    try:
        service.wait(seconds)
    except Exception as error:
        raise TimeoutError from error
