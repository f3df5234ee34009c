"""What every test of the HTTP adapter looks at besides.

Pages of other origins get to use what there is, and no step of the service keeps the event loop for more than 50 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pytest

from order_engine_adapters.http.access.cors_headers import ANSWERED, READ
from tests.unit.http import watched_fields
from tests.unit.http.loop_watch import LIMIT_SECONDS, limit_seconds, watch

SET_BY_BROWSERS: Final = frozenset(
    {
        b"access-control-request-headers",
        b"access-control-request-method",
        b"content-length",
        b"cookie",
        b"expect",
        b"host",
        b"origin",
        b"sec-fetch-site",
    }
)
"""What no script may set (Fetch, section 2.2.2, "forbidden request-header"): no page has to be allowed to."""
SET_BY_PROXIES: Final = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-prefix", b"x-forwarded-proto"}
)
"""What no page has any business to set."""
READ_BY_ALL: Final = frozenset({b"cache-control", b"content-length", b"content-type"})
"""What every page may read (Fetch, section 2.2.2, "CORS-safelisted response-header name")."""
MEANT_FOR_BROWSERS: Final = frozenset(
    {
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"access-control-max-age",
        b"connection",
        b"content-security-policy",
        b"referrer-policy",
        b"x-accel-buffering",
        b"x-content-type-options",
    }
)
"""What says nothing to a page."""


@pytest.fixture(autouse=True)
def header_fields_are_in_the_table() -> Iterator[None]:
    """Check every field that an application asks for, and every one that it answers with.

    A field that is missing from `header_fields.py` works until the first page of another origin needs it.
    """
    watched_fields.ASKED_FOR.clear()
    watched_fields.ANSWERED.clear()
    yield
    asked_for = watched_fields.ASKED_FOR - SET_BY_BROWSERS - SET_BY_PROXIES - lower(READ)
    assert not asked_for, "new fields of requests: add them to READ in header_fields.py"
    answered = watched_fields.ANSWERED - READ_BY_ALL - MEANT_FOR_BROWSERS - lower(ANSWERED)
    assert not answered, "new fields of answers: add them to ANSWERED in header_fields.py"


def lower(names: Iterable[str]) -> frozenset[bytes]:
    """Return the names as an application sees them."""
    return frozenset(name.lower().encode("ascii") for name in names)


@pytest.fixture(scope="session", autouse=True)
def watched_loops() -> Iterator[None]:
    """Watch every event loop of the session."""
    with watch.installed():
        yield


@pytest.fixture(autouse=True)
def loop_is_not_kept() -> Iterator[None]:
    """Fail where one step took longer than any may."""
    watch.take()
    yield
    step = watch.take()
    assert step.seconds <= LIMIT_SECONDS or step.seconds <= limit_seconds(), f"the event loop was kept for {step}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the longest step of the session."""
    step, test = watch.longest_of_all
    if step.seconds:
        terminalreporter.write_line(f"The longest step of the event loop in the HTTP tests: {step}, in {test}.")
