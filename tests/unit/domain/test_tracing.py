"""The trace parent of an order: which texts are one, and in which form it is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.content.tracing import read_trace_parent, trace_id_of
from tests.unit.domain.strategies import label, thorough

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"
"""The example of W3C Trace Context."""


@pytest.mark.parametrize("flags", ["00", "01", "02", "ff", "a5"])
def test_one_of_the_first_version_stays_as_it_is(flags: str) -> None:
    """Flags included that level 1 gives no meaning to."""
    text = f"00-{TRACE}-{PARENT}-{flags}"
    assert read_trace_parent(text) == text


@pytest.mark.parametrize("version", ["01", "cc", "fe"])
@pytest.mark.parametrize(
    ("rest", "flags"),
    [("01", "01"), ("00", "00"), ("03", "01"), ("a4", "00"), ("01-", "01"), ("01-what-comes later", "01"),
     ("00-" + "x" * 10_000, "00")],
    ids=label,
)  # fmt: skip
def test_one_of_a_later_version_is_read_as_the_first(version: str, rest: str, flags: str) -> None:
    """The fields that level 1 knows, and of the flags the sampled one; what is appended is left out (section 3.2.4)."""
    assert read_trace_parent(f"{version}-{TRACE}-{PARENT}-{rest}") == f"00-{TRACE}-{PARENT}-{flags}"


@pytest.mark.parametrize(
    "text",
    ["", "00", VALID[:-1], VALID[:-3], VALID + "0", VALID + "-", VALID + "-01", " " + VALID, VALID + " ", VALID + "\n",
     VALID.upper(), VALID.replace("-", "_"), "ff" + VALID[2:], "0" + VALID, "0g" + VALID[2:], "01" + VALID[2:] + "x",
     "cc" + VALID[2:] + "-x\n", VALID.replace(TRACE, "0" * 32), VALID.replace(PARENT, "0" * 16),
     VALID.replace("4", "\N{ARABIC-INDIC DIGIT FOUR}"), VALID.replace("a", "\uff41"), f"00-{TRACE[:-1]}-{PARENT}-01",
     f"00-{TRACE}0-{PARENT}-01", f"00-{TRACE}-{PARENT}0-01"],
    ids=label,
)  # fmt: skip
def test_nothing_else_is_one(text: str) -> None:
    """Two digits, 32 and 16 that are not all zero, two digits: lower case, ASCII, and nothing around."""
    assert read_trace_parent(text) is None


@thorough
@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True))
def test_what_was_read_once_stays(text: str) -> None:
    """It has 55 characters, is read as itself again, and names the trace that was given."""
    kept = read_trace_parent(text)
    if kept is not None:
        assert len(kept) == 55
        assert read_trace_parent(kept) == kept
        assert trace_id_of(kept) == text.split("-")[1]
