"""`POST /orders/batch`: what each element is answered with, in both forms."""

from __future__ import annotations

import pytest

from order_engine_adapters.http import HttpLimits
from tests.unit.application.bench import Bench
from tests.unit.http.batches import (
    ARRAY,
    BATCH,
    FORMS,
    LINES,
    body_of,
    codes,
    created,
    encoded,
    headers_of,
    items,
    send_batch,
)
from tests.unit.http.client import JSON_BODY, NDJSON_BODY
from tests.unit.http.serving import order, serving, text


@pytest.mark.parametrize("form", FORMS)
async def test_each_order_is_answered_in_its_turn(form: str) -> None:
    """New ones, replays, conflicts and invalid ones beside each other, each as `POST /orders` would have answered."""
    async with serving() as service:
        await service.place("old")
        elements = [
            text("new"), text("old"), text("old", user_id="other"), text("new"), text("bad", total_amount=-1),
            text("a/b"),
            b"nul", b"[]", b"1", encoded(order(None)), text("b", colour=1), b'{"order_id":"c"}', text("d", user_id=1),
            text("z"),
        ]  # fmt: skip
        answers = await send_batch(service.client, form, elements)
        assert codes(answers) == [201, 201, 409, 201, 422, 422, 400, 422, 422, 201, 422, 422, 422, 201]
        assert [answer["replayed"] for answer in answers[:4]] == [False, True, False, True]
        ids = [answer["order_id"] for answer in answers]
        made = ids.pop(9)
        assert ids == ["new", "old", "old", "new", "bad", "a/b", None, None, None, "b", "c", "d", "z"]
        assert len(made) == 32
        assert await service.total_orders() == 4


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "element",
    [b'{"order_id":1}', b'{"order_id":null,"user_id":"u"}', b"{}", b'{"order_id":["x"]}', b"null", b'"text"', b"-1",
     b'{"order_id":"x","order_id":"y"}', b'{"order_id":"\\ud800"}', b'{"order_id":"x","a":NaN}',
     b'{"order_id":"\xff"}'],
)  # fmt: skip
async def test_an_id_that_cannot_be_read_is_null(form: str, element: bytes) -> None:
    """The element fails alone."""
    async with serving() as service:
        answers = await send_batch(service.client, form, [text("order1"), element, text("order2")])
        assert answers[0] == created("order1")
        assert answers[1]["order_id"] is None
        assert answers[1]["code"] in {400, 422}
        assert answers[2] == created("order2")


@pytest.mark.parametrize("form", FORMS)
async def test_a_name_twice_fails_its_element_alone(form: str) -> None:
    """Also by an escape, and deep inside."""
    async with serving() as service:
        twice = [b'{"a":1,"\\u0061":1}', b'{"attributes":{"x":[{"b":1,"b":2}]}}']
        answers = await send_batch(service.client, form, [text("order1"), *twice, text("order2")])
        assert codes(answers) == [201, 400, 400, 201]
        assert answers[1]["problem"]["code"] == "malformed_json"


@pytest.mark.parametrize("form", FORMS)
async def test_an_element_over_the_limit_of_a_body_fails_alone(form: str) -> None:
    """413, in its place among the answers; exactly at the limit it is taken."""
    async with serving(limits=HttpLimits(body_bytes=300)) as service:
        fits, too_large = text("fits").replace(b"{", b"{" + b" " * (300 - len(text("fits")))), b'"' + b"x" * 299 + b'"'
        assert (len(fits), len(too_large)) == (300, 301)
        answers = await send_batch(
            service.client, form, [text("a"), fits, too_large, b"[" * 400 + b"]" * 400, text("b")]
        )
        assert codes(answers) == [201, 201, 413, 413, 201]
        assert answers[2]["order_id"] is None
        assert answers[2]["problem"]["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []), (b"\n", []), (b"\r\n \n\t\n", []), (text("a"), [201]), (text("a") + b"\n", [201]),
        (text("a") + b"\r\n" + text("b") + b"\r\n", [201, 201]),
        (b"\n\n" + text("a") + b"\n\n\n" + text("b"), [201, 201]),
        (b"  " + text("a") + b"\t \n", [201]), (b"x\n" + text("a"), [400, 201]), (text("a") + text("b"), [400]),
        (text("a") + b",\n" + text("b"), [400, 201]), (b"[" + text("a") + b"]", [422]),
        (b"\xff\n" + text("a"), [400, 201]),
        (b"\xef\xbb\xbf" + text("a") + b"\n" + text("b"), [400, 201]), (b"{\n}\n", [400, 400]),
        (text("a") + b"\r" + text("b"), [400]), (b"\0\n", [400]), (b"\x0c\n", [400]),
        (text("a").replace(b" ", b"\r"), [201]),
        (text("a")[:-1], [400]), (text("a") + b"\n" + text("b")[:-1], [201, 400]),
    ],
)  # fmt: skip
async def test_lines(body: bytes, expected: list[int]) -> None:
    """Blank lines are skipped, a carriage return before the line feed is space, the last line needs no end."""
    async with serving() as service:
        response = await service.client.send("POST", BATCH, NDJSON_BODY, body)
        assert codes(items(LINES, response)) == expected
        assert response.body.count(b"\n") == len(expected) + 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[]", []), (b" [ ] ", []), (b"\r\n\t[\n]\n", []), (b"[" + text("a") + b"]", [201]),
        (b"[ " + text("a") + b" , " + text("b") + b" ]", [201, 201]),
        (b"[", [400]), (b"[ ", [400]), (b"[" + text("a"), [201, 400]), (b"[" + text("a") + b" ", [201, 400]),
        (b"[" + text("a") + b",", [201, 400]), (b"[" + text("a") + b"," + text("b")[:-1], [201, 400]),
        (b"[" + text("a") + b"]]", [201, 400]), (b"[" + text("a") + b"] x", [201, 400]), (b"[]" + text("a"), [400]),
        (b"[" + text("a") + text("b") + b"]", [201, 400]), (b"[" + text("a") + b";" + text("b") + b"]", [201, 400]),
        (b"[,]", [400]), (b"[" + text("a") + b",]", [201, 400]),
        (b"[" + text("a") + b",," + text("b") + b"]", [201, 400]),
        (b"[}", [400]), (b"[" + text("a") + b"}", [201, 400]),
        (b"[1,true,nul," + text("a") + b"]", [422, 422, 400, 201]),
        (b'["]",[],{}, [[{"a":"[{\\"]"}]]]', [422, 422, 422, 422]), (b'["\\\\",' + text("a") + b"]", [422, 201]),
        (b'[{"order_id":"[,]{}\\"\\\\"},' + text("a") + b"]", [422, 201]), (b"[-]", [400]), (b"[\xff]", [400]),
        (b"[tru}" + text("a") + b"]", [400, 400]), (b'["' + text("a"), [422, 400]),
        (b'[{"a":[}],' + text("a") + b"]", [400, 201]),
        (b"[[" * 50_000, [400]), (b"[" + b"[" * 100 + b"]" * 100 + b"," + text("a") + b"]", [400, 201]),
    ],
)  # fmt: skip
async def test_arrays(body: bytes, expected: list[int]) -> None:
    """An invalid element fails alone. If the array is incomplete, the last result reports it."""
    async with serving() as service:
        response = await service.client.send("POST", BATCH, JSON_BODY, body)
        assert codes(items(ARRAY, response)) == expected


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b" \n", 400), (text("a"), 422), (b"null", 422), (b'"["', 422), (b"]", 400), (b"\xef\xbb\xbf[]", 400),
     (b"\xff", 400), ("[]".encode("utf-16"), 400), (b"(" + text("a") + b")", 400)],
)  # fmt: skip
async def test_a_body_that_is_no_array_is_refused_whole(body: bytes, status: int) -> None:
    """No result was sent yet, so the status reports the error."""
    async with serving() as service:
        response = await service.client.send("POST", BATCH, JSON_BODY, body)
        assert response.status == status
        assert await service.total_orders() == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", ["", "k", '"k"', "two words"])
async def test_a_batch_takes_no_key(form: str, key: str) -> None:
    """400: a key is for one request."""
    async with serving() as service:
        fields = [*headers_of(form), ("idempotency-key", key)]
        response = await service.client.send("POST", BATCH, fields, body_of(form, [text()]))
        assert (response.status, response.code) == (400, "invalid_header")
        assert await service.total_orders() == 0


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/json-seq", "application/jsonl;charset=utf-16", "application/json;charset=x", "jsonl"],
)
async def test_a_batch_is_of_one_of_two_forms(media_type: str) -> None:
    """415 for any other type, and for any encoding."""
    async with serving() as service:
        for fields in ([("content-type", media_type)], [*NDJSON_BODY, ("content-encoding", "gzip")], []):
            response = await service.client.send("POST", BATCH, fields, text())
            assert (response.status, response.code) == (415, "unsupported_media_type")


async def test_a_batch_that_is_announced_too_large_is_refused_whole() -> None:
    """413 before anything is read."""
    async with serving(limits=HttpLimits(batch_bytes=1000)) as service:
        exchange = service.client.begin("POST", BATCH, [*NDJSON_BODY, ("content-length", "1001")])
        response = await exchange.response()
        assert (response.status, response.header("connection")) == (413, "close")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_a_batch_that_turns_out_too_large_ends_there(form: str, size: int) -> None:
    """What came before the limit is answered, in whatever parts it came; then one last 413."""
    async with serving(limits=HttpLimits(batch_bytes=300)) as service:
        body = body_of(form, [text(f"order{number}") for number in range(10)])
        whole = 300 // (len(text("order0")) + 1)
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        answers = items(form, await service.client.send("POST", BATCH, headers_of(form), parts))
        assert codes(answers) == [201] * whole + [413]
        assert await service.total_orders() == whole


@pytest.mark.parametrize("form", FORMS)
async def test_more_orders_than_may_wait_are_taken_more_slowly(form: str) -> None:
    """None is refused."""
    async with serving(max_waiting=3, batch_orders=2) as service:
        answers = await send_batch(service.client, form, [text(f"order{number}") for number in range(1200)])
        assert answers == [created(f"order{number}") for number in range(1200)]


async def test_a_batch_meets_a_repository_that_is_away_and_one_that_is_full() -> None:
    """503 for each order; the same batch again later places what is missing."""
    async with serving(bench=Bench(capacity=2)) as service:
        elements = [text("a"), b"x", text("b"), text("c")]
        service.bench.repository.unavailable = True
        assert codes(await send_batch(service.client, LINES, elements)) == [503, 400, 503, 503]
        service.bench.repository.unavailable = False
        answers = await send_batch(service.client, LINES, elements)
        assert codes(answers) == [201, 400, 201, 503]
        assert answers[3]["problem"]["code"] == "overloaded"
        assert [answer["replayed"] for answer in await send_batch(service.client, LINES, elements[:3])] == [
            True,
            False,
            True,
        ]
