"""What is asked of a body before it is looked into: its type, its size, its pace."""

from __future__ import annotations

import pytest

from order_engine_adapters.http import HttpLimits
from tests.unit.http.client import JSON_BODY
from tests.unit.http.serving import CREATED, serving, text

SMALL = HttpLimits(body_bytes=1000)
DISCARDED = 4 * 2**20


def content_type(value: str) -> tuple[str, str]:
    """Return the header field."""
    return ("content-type", value)


@pytest.mark.parametrize(
    "value",
    ["application/json", "Application/JSON", "application/json;charset=utf-8", 'application/json; charset="UTF-8"',
     "application/json ; Charset=utf-8 ", "application/json;", "application/json; profile=x",
     "application/json; charset=utf8", "application/json; charset='utf-8'", "application/json; charset=us-ascii",
     "APPLICATION/JSON;CHARSET=UTF-8"],
)  # fmt: skip
async def test_json_in_utf_8_is_taken(value: str) -> None:
    """In any case and with any other parameter."""
    async with serving() as service:
        response = await service.client.send("POST", "/orders", [content_type(value)], text())
        assert (response.status, response.body) == (201, CREATED)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [content_type("")],
        [content_type("text/plain")],
        [content_type("text/json")],
        [content_type("application/jsonx")],
        [content_type("application/x-ndjson")],
        [content_type("application/vnd.order+json")],
        [content_type("application/x-www-form-urlencoded")],
        [content_type("application/vnd.api+json")],
        [content_type("application/merge-patch+json")],
        [content_type("application/json; charset=utf-16")],
        [content_type("application/json; charset=iso-8859-1")],
        [content_type("application/json; charset=")],
        [content_type("application/json, application/json")],
        [content_type("application/json"), content_type("application/json")],
        [content_type("application/json"), content_type("text/plain")],
        *(
            [content_type("application/json"), ("content-encoding", coding)]
            for coding in ("gzip", "identity", "br", "")
        ),
    ],
)
async def test_another_type_of_body_is_refused(headers: list[tuple[str, str]]) -> None:
    """415 for what is not JSON in UTF-8, and for any Content-Encoding; nothing is stored."""
    async with serving() as service:
        response = await service.client.send("POST", "/orders", headers, text())
        assert (response.status, response.code) == (415, "unsupported_media_type")
        assert await service.total_orders() == 0


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("size", "status"), [(1000, 201), (1001, 413), (1000 + DISCARDED, 413), (1001 + DISCARDED, 413)]
)
async def test_a_body_has_a_limit(size: int, status: int, *, declared: bool) -> None:
    """Declared or not, the last byte within the limit is taken; beyond it the connection ends with 413."""
    async with serving(limits=SMALL) as service:
        body = text().ljust(size)
        headers = [*JSON_BODY, ("content-length", str(size))] if declared else JSON_BODY
        parts = [body[at : at + 2**18] for at in range(0, size, 2**18)]
        response = await service.client.send("POST", "/orders", headers, parts)
        assert response.status == status
        assert response.header("connection") == (None if status == 201 else "close")
        assert await service.total_orders() == (status == 201)


@pytest.mark.parametrize(
    "headers",
    [[("content-length", str(1001 + DISCARDED))], [("content-length", "1001"), ("expect", "100-continue")],
     [("content-length", "9" * 1000)]],
)  # fmt: skip
async def test_a_body_that_is_announced_too_large_is_not_waited_for(headers: list[tuple[str, str]]) -> None:
    """Where much would have to be thrown away, or where the client asks first."""
    async with serving(limits=SMALL) as service:
        response = await service.client.begin("POST", "/orders", [*JSON_BODY, *headers]).response()
        assert (response.status, response.code) == (413, "body_too_large")


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    """It is given up some way beyond the limit."""
    async with serving(limits=SMALL) as service:
        exchange = service.client.begin("POST", "/orders", JSON_BODY)
        for _ in range(5):
            exchange.part(b" " * 2**20)
        assert (await exchange.response()).status == 413


async def test_a_body_that_falls_silent_is_given_up() -> None:
    """408, the connection ends, and nothing is stored."""
    async with serving(limits=HttpLimits(body_seconds=0.05)) as service:
        exchange = service.client.begin("POST", "/orders", JSON_BODY)
        exchange.part(text())
        response = await exchange.response()
        assert (response.status, response.code) == (408, "request_timed_out")
        assert response.header("connection") == "close"
        assert await service.total_orders() == 0


@pytest.mark.parametrize("parts", [[], [b""], [text()]])
async def test_a_client_that_leaves_in_the_middle_is_not_answered(parts: list[bytes]) -> None:
    """Nothing is stored: the request was not whole."""
    async with serving() as service:
        exchange = service.client.begin("POST", "/orders", JSON_BODY)
        for part in parts:
            exchange.part(part)
        exchange.leave()
        await exchange.task
        assert exchange.sent == []
        assert await service.total_orders() == 0


async def test_refusals_come_before_the_body_is_read() -> None:
    """What the head alone shows to be wrong needs no body."""
    async with serving() as service:
        for headers, status in [((), 415), ((*JSON_BODY, ("idempotency-key", "")), 400)]:
            response = await service.client.begin("POST", "/orders", headers).response()
            assert response.status == status
