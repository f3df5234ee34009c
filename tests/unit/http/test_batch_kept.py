"""Batches as most clients send them: no part of the answer leaves before the body is complete."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from order_engine_adapters.http import HttpLimits
from order_engine_adapters.http.batch import buffered_results
from order_engine_adapters.http.messages.prefer import prefers
from tests.unit.http.batches import (
    ARRAY,
    BATCH,
    FORMS,
    LINES,
    STREAM,
    Item,
    body_of,
    codes,
    created,
    headers_of,
    items,
    send_batch,
)
from tests.unit.http.client import NDJSON_BODY, Exchange, Response
from tests.unit.http.serving import Service, serving, text

IMPATIENT = HttpLimits(body_seconds=0.05)


async def until_placed(service: Service, orders: int) -> None:
    """Wait until the repository has so many orders."""
    async with asyncio.timeout(10):
        while await service.total_orders() < orders:
            await service.bench.settle()


def parts_in(exchange: Exchange, body: bytes, size: int = 10_000) -> None:
    """Let a body come in in parts, without its end."""
    for at in range(0, len(body), size):
        exchange.part(body[at : at + size])


def summary_of(response: Response) -> Item:
    """Return the last item of an answer in lines."""
    summary: Item = response.lines()[-1]
    return summary


@pytest.mark.parametrize("form", FORMS)
async def test_the_answer_begins_when_the_body_is_complete(form: str) -> None:
    """Orders are placed while they come in; then everything is answered at once, with its length."""
    async with serving() as service:
        elements = [text(f"order{number}") for number in range(2000)]
        exchange = service.client.begin("POST", BATCH, headers_of(form))
        rest = text("last") + (b"]" if form == ARRAY else b"")
        parts_in(exchange, body_of(form, [*elements, text("last")]).removesuffix(rest))
        await until_placed(service, 2000)
        assert exchange.sent == []
        exchange.part(rest, last=True)
        response = await exchange.response()
        assert response.header("content-length") == str(len(response.body))
        assert response.header("preference-applied") is None
        assert items(form, response) == [*(created(f"order{number}") for number in range(2000)), created("last")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("preferences", [(), (STREAM,)], ids=["kept", "streamed"])
async def test_the_last_item_counts_what_was_read(form: str, preferences: tuple[tuple[str, str], ...]) -> None:
    """New, there already, and refused; also of a batch without any order."""
    async with serving() as service:
        elements = [text("a"), text("b"), text("a"), b"{}", b"nul", text("a", user_id="other")]
        for sent, counts in ((elements, (6, 2, 1, 3)), (elements[:3], (3, 0, 3, 0)), ([], (0, 0, 0, 0))):
            fields = [*headers_of(form), *preferences]
            response = await service.client.send("POST", BATCH, fields, body_of(form, sent))
            items(form, response)
            told = response.lines() if form == LINES else response.json()
            assert told[-1] == dict(zip(("read", "placed", "replayed", "refused"), counts, strict=True))
            assert response.header("preference-applied") == ("stream" if preferences else None)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep next to nothing in memory."""
    monkeypatch.setattr(buffered_results, "IN_MEMORY_BYTES", 1000)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("form", FORMS)
async def test_answers_past_a_bound_wait_in_a_file(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come back in order, good and bad ones; the file has no name, so that nothing is left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with serving() as service:
        elements = [text(f"order{number}") if number % 3 else b"{}" for number in range(3000)]
        exchange = service.client.begin("POST", BATCH, headers_of(form))
        parts_in(exchange, body_of(form, elements))
        await until_placed(service, 1900)
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - as short as the check
        exchange.part(b"", last=True)
        answers = items(form, await exchange.response())
        assert answers[1::3] == [created(f"order{number}") for number in range(1, 3000, 3)]
        assert codes(answers) == [422, 201, 201] * 1000


async def test_little_of_the_answers_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: what is there is written to the file whenever it is more than the bound."""
    most = 0
    put = buffered_results.BufferedResults.put

    async def watched(self: buffered_results.BufferedResults, answers: list[bytes]) -> None:
        nonlocal most
        await put(self, answers)
        most = max(most, sum(map(len, self._recent)))

    monkeypatch.setattr(buffered_results, "IN_MEMORY_BYTES", 50_000)
    monkeypatch.setattr(buffered_results.BufferedResults, "put", watched)
    async with serving() as service:
        response = await service.client.send("POST", BATCH, NDJSON_BODY, b"1\n" * 5000)
        assert len(items(LINES, response)) == 5000
        assert len(response.body) > 20 * 50_000
        assert most <= 50_000


@pytest.mark.parametrize("form", FORMS)
async def test_a_batch_whose_answers_are_too_many_ends_there(form: str) -> None:
    """The rest of the body is discarded, so that no proxy loses the response, which has the number of orders read."""
    async with serving(limits=HttpLimits(kept_answer_bytes=10_000)) as service:
        exchange = service.client.begin("POST", BATCH, headers_of(form))
        elements = [text(f"order{number}") for number in range(2000)]
        parts_in(exchange, body_of(form, elements), 1000)
        await until_placed(service, 100)
        await service.bench.settle()
        assert exchange.sent == []
        exchange.part(b"", last=True)
        response = await exchange.response()
        answers = items(form, response)
        assert (answers[-1]["code"], answers[-1]["problem"]["code"]) == (413, "answers_too_large")
        placed = await service.total_orders()
        assert answers[:-1] == [created(f"order{number}") for number in range(placed)]
        assert 100 <= placed < 300
        assert response.header("connection") is None


@pytest.mark.usefixtures("little_memory")
async def test_a_batch_whose_answers_cannot_be_written_ends_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk the results so far are sent, and the error is logged."""

    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    async with serving() as service:
        parts = [text(f"order{number}") + b"\n" for number in range(100)]
        answers = items(LINES, await service.client.send("POST", BATCH, NDJSON_BODY, parts))
        assert answers[-1]["problem"]["code"] == "answers_too_large"
        assert answers[:-1] == [created(f"order{number}") for number in range(await service.total_orders())]
        assert 10 < len(answers) < 30
        assert "temporary file" in caplog.text


@pytest.mark.parametrize("form", FORMS)
async def test_a_batch_that_falls_silent_is_answered_so_far(form: str) -> None:
    """Then one last 408; the rest will not be read, so the connection ends."""
    async with serving(limits=IMPATIENT) as service:
        exchange = service.client.begin("POST", BATCH, headers_of(form))
        exchange.part(body_of(form, [text("order1"), text("order2")])[:-5])
        response = await exchange.response()
        assert codes(items(form, response)) == [201, 408]
        assert response.header("connection") == "close"


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("orders", [1, 100])
async def test_a_client_that_does_not_read_is_given_up(orders: int) -> None:
    """All of its orders are placed by then."""
    async with serving(limits=IMPATIENT) as service:
        exchange = service.client.begin("POST", BATCH, NDJSON_BODY)
        exchange.reads = False
        exchange.part(b"\n".join(text(f"order{number}") for number in range(orders)), last=True)
        async with asyncio.timeout(10):
            await exchange.task
        assert exchange.sent == []
        assert await service.total_orders() == orders


@pytest.mark.usefixtures("little_memory")
async def test_a_client_that_leaves_in_the_middle_has_placed_what_was_whole() -> None:
    """It gets no answer; sending the batch again replays."""
    async with serving() as service:
        exchange = service.client.begin("POST", BATCH, NDJSON_BODY)
        elements = [text(f"order{number}") for number in range(100)]
        exchange.part(b"\n".join(elements)[:-5])
        await until_placed(service, 99)
        exchange.leave()
        async with asyncio.timeout(10):
            await exchange.task
        assert exchange.sent == []
        answers = await send_batch(service.client, LINES, elements)
        assert [answer["replayed"] for answer in answers] == [True] * 99 + [False]


async def test_a_drain_in_the_middle_of_a_batch_refuses_the_rest() -> None:
    """What was placed is answered, what comes later gets 503."""
    async with serving() as service:
        exchange = service.client.begin("POST", BATCH, NDJSON_BODY)
        exchange.part(text("order1") + b"\n")
        await until_placed(service, 1)
        await service.engine.drain()
        exchange.part(text("order2") + b"\n", last=True)
        assert codes(items(LINES, await exchange.response())) == [201, 503]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], False), (["stream"], True), (["Stream"], True), (["respond-async, stream"], True),
        (["respond-async", " stream ;a=b"], True), (['stream=""'], True), (["stream=x"], False),
        (['stream="x"'], False), (['a="x, stream"'], False), (['a="\\", stream"'], False), (['a="", stream'], True),
        (["streams"], False),
        ([""], False), ([", ,stream,"], True), (['"' * 65_000], False), (["a," * 30_000], False),
    ],
)  # fmt: skip
def test_a_preference_is_read_as_rfc_7240_has_it(fields: list[str], *, expected: bool) -> None:
    """In any case, beside others, with parameters; one with another value is another preference."""
    scope = {"headers": [(b"prefer", field.encode()) for field in fields]}
    assert prefers(scope, b"stream") is expected
