"""When a process ends that does not end by itself."""

from __future__ import annotations

from order_engine_adapters.process.process_exit import SILENT_SECONDS, ExitDeadline


def test_a_loop_that_lives_has_all_the_time() -> None:
    """While there are heartbeats, only the final deadline counts."""
    deadline = ExitDeadline(blocked=10, latest=100)
    assert deadline.due(heard=50) == 50 + SILENT_SECONDS
    assert deadline.due(heard=99.5) == 100


def test_a_loop_that_is_blocked_has_the_time_of_its_work() -> None:
    """However long it has been silent: a processor that blocks it has its grace time too."""
    assert ExitDeadline(blocked=10, latest=100).due(heard=0) == 10
