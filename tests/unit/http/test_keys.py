"""`Idempotency-Key`: what is a key, and what a key that comes again is answered with."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.application.bench import Work
from tests.unit.http.client import Response
from tests.unit.http.serving import CREATED, order, serving


def key(value: str) -> tuple[str, str]:
    """Return the header field."""
    return ("idempotency-key", value)


def replayed(response: Response) -> bool:
    """Return whether the response is marked as a replay."""
    return response.header("idempotent-replayed") == "true"


@pytest.mark.parametrize("again", ["abc", '"abc"', " abc ", '\t"abc"'])
async def test_the_same_key_and_content_get_the_first_answer(again: str) -> None:
    """Also the id that was made; quoted or bare, it is one key. The tag is the present one."""
    async with serving(Work()) as service:
        first = await service.client.place(order(None), key("abc"))
        await service.bench.settle()
        second = await service.client.place(order(None, total_amount="50.00"), key(again))
        assert (second.status, second.body) == (201, first.body)
        assert second.header("location") == first.header("location")
        assert second.header("etag") == '"3"' != first.header("etag")
        assert [replayed(first), replayed(second)] == [False, True]
        assert await service.total_orders() == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r'"a\"b"', 'a"b'),
        (r'"a\\b"', r"a\b"),
        ('"!~"', "!~"),
        ('"a,b;c"', "a,b;c"),
        ("x" * 255, '"' + "x" * 255 + '"'),
    ],
)
async def test_keys_are_compared_without_quotes_and_escapes(first: str, second: str) -> None:
    """A structured string is what it stands for."""
    async with serving() as service:
        assert (await service.client.place(order(None), key(first))).status == 201
        again = await service.client.place(order(None), key(second))
        assert (again.status, replayed(again)) == (201, True)


@pytest.mark.parametrize(
    "value",
    ["", " ", '""', '"', '"abc', 'abc"\x7f', '"a b"', "a b", '"a"b"', r'"a\b"', '"a\\"', '"a";p=1', "é", "\x01",
     "x" * 256, '"' + "x" * 256 + '"', "a\tb"],
)  # fmt: skip
async def test_what_is_no_key_is_refused(value: str) -> None:
    """1 to 255 visible ASCII characters, and nothing is stored under anything else."""
    async with serving() as service:
        response = await service.client.place(order("order1"), key(value))
        assert (response.status, response.code) == (400, "invalid_header")
        assert await service.total_orders() == 0


async def test_escapes_do_not_count_for_the_length() -> None:
    """255 characters, each of them escaped, are a key."""
    async with serving() as service:
        assert (await service.client.place(order(None), key('"' + r"\\" * 255 + '"'))).status == 201
        assert (await service.client.place(order(None), key('"' + r"\\" * 256 + '"'))).status == 400


async def test_two_keys_are_refused() -> None:
    """One request has one key, also where both are the same."""
    async with serving() as service:
        response = await service.client.place(order("order1"), key("a"), key("a"))
        assert (response.status, response.code) == (400, "invalid_header")


async def test_a_key_with_other_content_is_refused() -> None:
    """422, or 409 where the id is taken by other content as well."""
    async with serving() as service:
        await service.client.place(order("order1"), key("k"))
        for other in (order("order2"), order("order2", user_id="u"), order(None), order(None, user_id="u")):
            response = await service.client.place(other, key("k"))
            assert (response.status, response.code) == (422, "idempotency_key_reused")
        response = await service.client.place(order("order1", user_id="u"), key("k"))
        assert (response.status, response.code) == (409, "order_conflict")
        assert await service.total_orders() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (order(None, colour="red"), 422), (order(None, total_amount=-1), 422),
     (order("taken", user_id="u"), 409)],
)  # fmt: skip
async def test_a_refused_request_uses_no_key_up(body: object, status: int) -> None:
    """The key is free for the next request, whatever its content."""
    async with serving() as service:
        await service.place("taken")
        assert (await service.client.place(body, key("k"))).status == status
        response = await service.client.place(order("order1"), key("k"))
        assert (response.status, response.body, replayed(response)) == (201, CREATED, False)


async def test_racing_senders_under_one_key_make_one_order() -> None:
    """All get the same id; those with other content are refused."""
    async with serving() as service:
        same = [service.client.place(order(None), key("k")) for _ in range(20)]
        other = [service.client.place(order(None, user_id="other"), key("k")) for _ in range(5)]
        responses = await asyncio.gather(*same, *other)
        assert [response.status for response in responses] == [201] * 20 + [422] * 5
        assert len({response.body for response in responses[:20]}) == 1
        assert [replayed(response) for response in responses[:20]] == [False] + [True] * 19
        assert await service.total_orders() == 1


async def test_the_answer_to_a_key_that_is_reused_is_ascii_whatever_the_key() -> None:
    """A key may contain quotes and backslashes; the problem document escapes them."""
    async with serving() as service:
        await service.client.place(order("order1"), key('a"\\b'))
        response = await service.client.place(order("order2"), key('a"\\b'))
        assert response.status == 422
        assert 'a"' in response.json()["detail"]
