"""The page about the HTTP server states what the server does: states, transitions, deadlines, limits and codes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import pytest

from order_engine_adapters.http import errors
from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection import MAX_DISCARDED_BYTES, MAX_PIPELINED
from order_engine_adapters.http.server.connection_state import LINGER_SECONDS, TRANSITIONS, seconds_by_state
from order_engine_adapters.http.server.open_connections import CHECK_SECONDS, MAX_REFUSED_AT_ONCE
from order_engine_adapters.http.server.request_parser import FRAMING_PER_BYTE
from order_engine_adapters.http.server.server import GRACE_SECONDS
from tests.unit.docs.pages import ROOT, text_of

PAGE: Final = ROOT / "docs" / "explanation" / "http-server.md"
LIMITS: Final = ConnectionLimits(head_seconds=11, silence_seconds=12, keep_alive_seconds=13)
DEADLINES: Final = {
    11: "`head_seconds`",
    12: "`body_seconds`",
    13: "`keep_alive_seconds`",
    LINGER_SECONDS: "2 s",
    math.inf: "none",
}
"""How the page names the deadline of so many seconds."""
CLAIMS: Final = (
    f"{MAX_PIPELINED:,} requests may wait",
    f"{MAX_DISCARDED_BYTES // 1024**2} MiB of input is discarded",
    f"{MAX_REFUSED_AT_ONCE} connections over the limit get a response",
    f"more than {FRAMING_PER_BYTE} bytes of framing per byte",
    f"After {GRACE_SECONDS} s the remaining connections are aborted",
)


def rows(title: str) -> list[Sequence[str]]:
    """Return the cells of the table below a heading."""
    section = text_of(PAGE).partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_states_are_those_of_the_code() -> None:
    """In the same order, with the same deadlines and next states."""
    seconds = seconds_by_state(LIMITS)
    found = {state: (deadline, {each for each in after.split(", ") if each}) for state, _, deadline, after in rows(
        "The states of a connection")}  # fmt: skip
    assert list(found) == list(TRANSITIONS)
    assert found == {state: (DEADLINES[seconds[state]], set(after)) for state, after in TRANSITIONS.items()}


def test_the_refusals_are_those_of_the_code() -> None:
    """Each code has the status that the page says."""
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    statuses = {each.code: each.status for each in classes if issubclass(each, errors.RequestRefused)}
    found = {code.strip("`"): int(status) for status, code, _, _ in rows("What it refuses")}
    assert found == {code: statuses[code] for code in found}
    assert len(found) == 6


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_limits_are_those_of_the_code(claim: str) -> None:
    """In these words."""
    assert claim in " ".join(text_of(PAGE).split())


def test_deadlines_are_checked_as_often_as_the_page_says() -> None:
    """Four times a second."""
    assert re.search(r"checks the deadlines of all connections four times\s+a second", " ".join(text_of(PAGE).split()))
    assert CHECK_SECONDS * 4 == 1
