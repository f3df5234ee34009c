"""`Accept`: responses are JSON, and a client that excludes it gets an error before anything happens."""

from __future__ import annotations

import pytest

from tests.unit.http.client import JSON_BODY, NDJSON_BODY
from tests.unit.http.serving import serving, text


def accept(*values: str) -> list[tuple[str, str]]:
    """Return the header fields."""
    return [("accept", value) for value in values]


ADMITTED = [
    [], accept("*/*"), accept("application/json"), accept("application/*"), accept("Application/JSON; q=0.1"),
    accept("text/html, */*;q=0.1"), accept("text/html", "application/json"), accept("application/problem+json"),
    accept(""), accept(" , "), accept("text/html;q=1, application/json;q=0.001"), accept("application/json;v=1"),
    accept("*/*;q=0, application/json"), accept("application/*;q=0.5, */*;q=0"),
    accept("application/json, text/plain, */*"),
]  # fmt: skip
EXCLUDED = [
    accept("text/html"), accept("text/*"), accept("application/json;q=0"), accept("*/*;q=0"),
    accept("application/json;q=0.000"), accept("application/json;q=0, */*"), accept("application/*;q=0, */*"),
    accept("image/png, text/plain"), accept("application/jsonx"), accept("json"),
    accept('application/json; q = "0.0000"'),
]  # fmt: skip


@pytest.mark.parametrize("headers", ADMITTED)
@pytest.mark.parametrize("target", ["/orders/order1", "/orders/order1/status", "/orders", "/metrics"])
async def test_a_client_that_admits_json_gets_it(target: str, headers: list[tuple[str, str]]) -> None:
    """Without the field, with an empty one, and where the range that fits most closely is not refused."""
    async with serving() as service:
        await service.place("order1")
        assert (await service.client.get(target, *headers)).status == 200


@pytest.mark.parametrize("headers", EXCLUDED)
@pytest.mark.parametrize("target", ["/orders/order1", "/orders/order1/history", "/orders"])
async def test_a_client_that_excludes_json_is_refused(target: str, headers: list[tuple[str, str]]) -> None:
    """406; the range that fits most closely decides, wherever it stands."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.get(target, *headers)
        assert (response.status, response.code) == (406, "not_acceptable")


@pytest.mark.parametrize("headers", EXCLUDED)
async def test_nothing_happens_for_an_answer_that_would_not_be_accepted(headers: list[tuple[str, str]]) -> None:
    """Neither a placing nor a cancelling."""
    async with serving() as service:
        await service.place("order1")
        requests = [
            service.client.send("POST", "/orders", [*JSON_BODY, *headers], text("order2")),
            service.client.send("POST", "/orders/batch", [*JSON_BODY, *headers], b"[" + text("order2") + b"]"),
            service.client.post("/orders/order1/cancel", *headers),
            service.client.post("/orders/order1/redrive", *headers),
        ]
        for request in requests:
            assert (await request).status == 406
        assert await service.total_orders() == 1
        assert await service.version("order1") == 1


@pytest.mark.parametrize("headers", [*ADMITTED, accept("application/x-ndjson")])
async def test_a_batch_in_lines_is_answered_in_lines(headers: list[tuple[str, str]]) -> None:
    """The response has the format of the request, even if the client only accepts JSON."""
    async with serving() as service:
        response = await service.client.send("POST", "/orders/batch", [*NDJSON_BODY, *headers], text())
        assert (response.status, response.header("content-type")) == (200, "application/x-ndjson")


@pytest.mark.parametrize(("ranges", "status"), [(99, 200), (100, 406)])
@pytest.mark.parametrize("target", ["/orders/order1", "/metrics", "/events"])
async def test_a_hundred_ranges_count(target: str, ranges: int, status: int) -> None:
    """To look at tens of thousands would keep the event loop; no client that is in earnest names as many."""
    form = "text/event-stream" if target == "/events" else "application/json"
    async with serving() as service:
        await service.place("order1")
        headers = accept(",".join(["text/html"] * ranges), form)
        assert (await service.client.send("HEAD", target, headers)).status == status


NAMES_OF_LINES = [
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines",
    "application/x-jsonlines",
]  # fmt: skip


@pytest.mark.parametrize("media_type", NAMES_OF_LINES)
@pytest.mark.parametrize("written", ["{}", "{}; charset=utf-8", '{};charset="UTF-8"', "{};"])
async def test_json_in_lines_goes_by_many_names(media_type: str, written: str) -> None:
    """None is registered. Each is taken, in any case, and the answer has the one that came."""
    async with serving() as service:
        for name in (media_type, media_type.upper()):
            fields = [("content-type", written.format(name)), *accept(media_type)]
            response = await service.client.send("POST", "/orders/batch", fields, text())
            assert (response.status, response.header("content-type")) == (200, media_type)
        assert await service.total_orders() == 1


@pytest.mark.parametrize("accepted", NAMES_OF_LINES)
async def test_a_client_that_accepts_lines_by_another_name_gets_them(accepted: str) -> None:
    """It is the same form; who excludes it by the name that it was sent under is refused."""
    async with serving() as service:
        for sent in NAMES_OF_LINES:
            fields = [("content-type", sent), *accept(accepted)]
            assert (await service.client.send("POST", "/orders/batch", fields, text())).status == 200
        refused = [*NDJSON_BODY, *accept("application/x-ndjson;q=0, application/jsonl")]
        assert (await service.client.send("POST", "/orders/batch", refused, text())).status == 406
        array = [*JSON_BODY, *accept(accepted)]
        assert (await service.client.send("POST", "/orders/batch", array, b"[" + text() + b"]")).status == 406


async def test_the_probes_answer_whatever_is_accepted() -> None:
    """A load balancer looks at the status alone."""
    async with serving() as service:
        for target in ("/livez", "/readyz"):
            assert (await service.client.get(target, ("accept", "text/html"))).status == 200


async def test_metrics_vary_by_accept() -> None:
    """A cache must not mix up the forms."""
    async with serving() as service:
        assert (await service.client.get("/metrics")).header("vary") == "Accept"
