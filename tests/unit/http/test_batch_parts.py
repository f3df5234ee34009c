"""Batches in parts: however a body is cut up, and wherever it breaks off, the answers are the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from order_engine_adapters.http.batch.splitter import ArraySplitter, Element, LineSplitter, Splitter
from tests.unit.domain.strategies import json_objects, json_values, usual
from tests.unit.http.batches import ARRAY, BATCH, FORMS, LINES, Item, body_of, codes, created, headers_of, items
from tests.unit.http.serving import order, serving

MOST = 1000

awkward_texts = st.text(st.sampled_from('[]{},:"\\ \n\té😀u0'), max_size=12)
elements: SearchStrategy[bytes] = st.builds(
    lambda value, escaped: json.dumps(value, ensure_ascii=escaped, default=str).encode(),
    json_values | json_objects | awkward_texts | st.dictionaries(awkward_texts, awkward_texts, max_size=3),
    st.booleans(),
)
junk = st.text(st.sampled_from('[]{},:"\\ \n\r\t01-ntx'), max_size=40).map(str.encode)
cuts = st.lists(st.integers(0, 2000), max_size=8)


def parts_of(body: bytes, at: Sequence[int]) -> list[bytes]:
    """Cut a body at these places."""
    places = [0, *sorted(place % (len(body) + 1) for place in at), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


def split(splitter: Splitter, parts: Sequence[bytes]) -> list[object]:
    """Return the elements, errors by their sentences; or the error that ends the whole body."""
    found: list[Element] = []
    try:
        for part in parts:
            found += splitter.feed(part)
        found += splitter.end()
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        return [repr(error)]
    return [element if isinstance(element, bytes) else repr(element) for element in found]


@usual
@given(
    st.lists(elements, max_size=6),
    cuts,
    st.lists(st.sampled_from(["", " ", "\r\n", "\t \n"]), min_size=14, max_size=14),
)
def test_an_array_is_split_into_its_elements(whole: list[bytes], at: list[int], spaces: list[str]) -> None:
    """Each text to its last byte, with any space between them and in any parts."""
    space = [each.encode() for each in spaces]
    spaced = b",".join(space[index] + each + space[index + 6] for index, each in enumerate(whole))
    body = space[12] + b"[" + spaced + b"]" + space[13]
    assert split(ArraySplitter(10**6), parts_of(body, at)) == whole


@usual
@given(
    whole=st.lists(elements, max_size=6),
    at=cuts,
    end=st.sampled_from([b"\n", b"\r\n", b" \n\n"]),
    ended=st.booleans(),
)
def test_lines_are_split_into_their_elements(*, whole: list[bytes], at: list[int], end: bytes, ended: bool) -> None:
    """Likewise; JSON has no line feed inside an element in one line."""
    body = end.join(whole) + (end if ended else b"")
    assert split(LineSplitter(10**6), parts_of(body, at)) == whole


@usual
@given(
    junk | st.lists(elements | junk, max_size=5).map(lambda each: b"[" + b",".join(each) + b"]"),
    cuts,
    st.integers(1, 60),
)
@pytest.mark.parametrize("splitter", [ArraySplitter, LineSplitter])
def test_whatever_comes_is_split_the_same_in_any_parts(
    splitter: type[ArraySplitter | LineSplitter], body: bytes, at: list[int], most: int
) -> None:
    """Also what is no JSON, and where elements are over the limit; whole, cut anywhere, and byte by byte."""
    whole = split(splitter(most), [body])
    assert split(splitter(most), parts_of(body, at)) == whole
    assert split(splitter(most), [body[index : index + 1] for index in range(len(body))]) == whole


@usual
@given(st.lists(elements, max_size=6))
def test_an_array_of_json_is_answered_element_by_element(whole: list[bytes]) -> None:
    """As many elements as the standard library's parser finds."""
    body = b"[" + b", ".join(whole) + b"]"
    found = split(ArraySplitter(10**6), [body])
    assert [json.loads(each) for each in found if isinstance(each, bytes)] == json.loads(body)


SMALL = [
    json.dumps(order("a", attributes={"note": 'x]}"\\,[{', "é": []}), ensure_ascii=False).encode(),
    json.dumps(order("b", item_ids=["[", "]"]), separators=(",", ":")).encode(),
    json.dumps(order("c")).encode(),
]
SMALL_ARRAY = b" [ " + b" , ".join(SMALL) + b" ] "
ENDS = [SMALL_ARRAY.index(each) + len(each) for each in SMALL]


async def answers_to(form: str, parts: Sequence[bytes]) -> list[Item]:
    """Return the answers of a service of its own."""
    async with serving() as service:
        response = await service.client.send("POST", BATCH, headers_of(form), parts)
        if response.status != 200:
            return [{"code": response.status}]
        return items(form, response)


@pytest.mark.parametrize("cut", range(len(SMALL_ARRAY) + 1))
async def test_an_array_that_breaks_off_anywhere_is_answered_so_far(cut: int) -> None:
    """The whole elements before the cut, then one last 400; the array itself needs its bracket and nothing more."""
    answers = await answers_to(ARRAY, [SMALL_ARRAY[:cut]])
    whole = [created(order_id) for order_id, end in zip("abc", ENDS, strict=True) if end <= cut]
    if SMALL_ARRAY[:cut].endswith((b"]", b"] ")) and len(whole) == len(SMALL):
        assert answers == whole
    else:
        assert answers[:-1] == whole
        assert codes(answers[-1:]) == [400]


@usual
@given(cut=st.integers(0, len(SMALL_ARRAY)), at=cuts)
def test_parts_change_nothing_where_an_array_breaks_off(cut: int, at: list[int]) -> None:
    """The same answers as for the same bytes in one part."""
    body = SMALL_ARRAY[:cut]
    assert asyncio.run(answers_to(ARRAY, parts_of(body, at))) == asyncio.run(answers_to(ARRAY, [body]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
async def test_parts_of_any_size_get_the_answers_of_the_whole(form: str, size: int) -> None:
    """Good, bad and doubled elements."""
    body = body_of(form, [SMALL[0], b'{"a":1,"a":2}', SMALL[1], SMALL[1], b"1", SMALL[2]])
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    answers = await answers_to(form, parts)
    assert answers == await answers_to(form, [body])
    assert codes(answers) == [201, 400, 201, 201, 422, 201]


@usual
@given(cut=st.integers(0, 400), at=cuts)
def test_lines_that_break_off_anywhere_are_answered_so_far(cut: int, at: list[int]) -> None:
    """A line that is cut short is a bad line."""
    body = b"\n".join(SMALL)[:cut]
    expected = [201 if line in SMALL else 400 for line in body.split(b"\n") if line]
    assert codes(asyncio.run(answers_to(LINES, parts_of(body, at)))) == expected
