"""One server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.postgres.support import stop_server


@pytest.fixture(scope="session", autouse=True)
def server() -> Iterator[None]:
    """Stop the server, which is started when it is needed first, after the last test."""
    yield
    stop_server()
