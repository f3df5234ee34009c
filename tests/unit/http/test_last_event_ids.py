"""The last event id of a request, wherever it is: whatever is sent, an id of ours or a refusal comes of it."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from order_engine.domain.errors import InvalidQuery
from order_engine_adapters.http.errors import InvalidHeader
from order_engine_adapters.http.events.last_event_id import last_event_id, last_position
from order_engine_adapters.http.events.sse import BEGINNING, Position
from tests.unit.domain.strategies import usual

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
POSITIONS = st.builds(
    Position, st.integers(1, 999_999_999), st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")
) | st.just(BEGINNING)


def scope(*fields: bytes, query: str = "") -> Scope:
    """Return what is read of a request."""
    return {"headers": [(b"last-event-id", field) for field in fields], "query_string": query.encode("ascii")}


@usual
@given(VISIBLE, st.lists(VISIBLE), st.booleans())
def test_an_id_comes_back_as_it_was_given_out(event_id: str, earlier: list[str], in_field: bool) -> None:  # noqa: FBT001
    """Behind any others, joined to them or by itself, in the field or the query."""
    if in_field:
        given_ids = [each.encode("ascii") for each in (*earlier, event_id)]
        assert last_event_id(scope(*given_ids)) == event_id
        assert last_event_id(scope(b", ".join(given_ids))) == event_id
    query = "&".join(f"lastEventId={quote(each, safe='')}" for each in (*earlier, event_id))
    assert last_event_id(scope(query=query)) == event_id
    assert last_event_id(scope(b" ", query=query)) == event_id


@usual
@given(POSITIONS)
def test_a_position_comes_back_as_it_was_given_out(position: Position) -> None:
    """Also that before the first event."""
    assert last_position(scope(str(position).encode("ascii"))) == position
    assert last_position(scope(query=f"last-event-id={position}")) == position


@usual
@given(st.lists(st.binary()), st.text(st.characters(max_codepoint=0x7F)) | st.just(""))
def test_whatever_is_sent_is_read_or_refused(fields: list[bytes], query: str) -> None:
    """Only with the expected errors."""
    for read in (last_event_id, last_position):
        try:
            text = str(read(scope(*fields, query=query)))
        except (InvalidHeader, InvalidQuery):
            continue
        assert text.isascii()
        assert " " not in text
