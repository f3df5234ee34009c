"""The servers that the tests of this folder share: the newest major version, and the oldest one that is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration.postgres import support
from tests.postgres_server import URL_VARIABLE, major_version, versions_to_test

ON_EVERY_VERSION: Final = frozenset({
    "test_concurrency", "test_contract", "test_counters", "test_events", "test_host_transaction", "test_locks",
    "test_migrations",
    "test_plans", "test_queue", "test_queue_contract", "test_refusals", "test_reports", "test_traces",
})  # fmt: skip
"""The modules that hold every statement and its plan to what they promise. What processes and networks do does not
depend on the server's version: the other modules run on the newest."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let each test run on its versions: all tests on the oldest first, then all on the newest."""
    versions: list[Path | None] = [] if os.environ.get(URL_VARIABLE) else list(versions_to_test())
    if metafunc.module.__name__.rpartition(".")[2] not in ON_EVERY_VERSION:
        versions = versions[-1:]
    names = [f"PostgreSQL {major_version(each)}" for each in versions if each is not None]
    metafunc.parametrize("postgres", versions or [None], ids=names or ["PostgreSQL"], indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def postgres(request: pytest.FixtureRequest) -> Iterator[None]:
    """Choose the server, which is started when it is needed first, and stop it after its last test."""
    support.choose(request.param)
    yield
    support.stop_server()
