"""Conditional requests beyond the plain cases: which condition goes first, and what a refusal leaves undone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine_adapters.http.messages.conditional_requests import names_tag
from order_engine_adapters.http.openapi.fields import TAGS
from tests.unit.application.bench import Work
from tests.unit.domain.strategies import usual
from tests.unit.http.openapi.documents import schema_validator
from tests.unit.http.serving import serving


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"1"', 200), ("*", 200), ('"7", "1"', 200), (' "1" ', 200),
        ('W/"1"', 412), ('"2"', 412), ('W/"1", "3"', 412), ('"01"', 412), ('"one"', 412), ('""', 412),
        ('"1-gzip"', 200), ('"1;gzip"', 200), ('"1--gzip"', 200), ('"1-GZIP"', 200), ('"1-br"', 200), ('"1-zstd"', 200),
        ('"7-gzip", "1-gzip"', 200), ('W/"7", "1;gzip"', 200), ('"1-deflate"', 200), ('"1-x-gzip"', 200),
        ('W/"1-gzip"', 412), ('"2-gzip"', 412), ('"-gzip"', 412), ('"1-gzip-gzip"', 412), ('"1gzip"', 412),
        ('"1-GZI"', 412), ('"1:gzip"', 412), ('"1-gzipx"', 412),
        ("1", 400), ('"1', 400), ('*, "1"', 400), ("", 400),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_order_is_read_only_at_the_version_that_is_wanted(method: str, condition: str, status: int) -> None:
    """`If-Match` compares strongly (RFC 9110, section 13.1.1), for reading as for acting."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.send(method, "/orders/order1", [("if-match", condition)])
        assert response.status == status
        assert schema_validator(TAGS).is_valid(condition) == (status != 400), "the document describes another form"


KNOWN = ['"1"', 'W/"1"', '"1-gzip"', 'W/"1-gzip"', '"1;gzip"', 'W/"1;br"', '"1--gzip"', '"x", W/"1"', "*"]
UNKNOWN = ['"2"', 'W/"2-gzip"', '"1-"', '"1-gzi"', '"01-gzip"', 'W/"x"', '"1-gzip-br"', '""']


@pytest.mark.parametrize(
    ("condition", "status"), [*((each, 304) for each in KNOWN), *((each, 200) for each in UNKNOWN)]
)
async def test_a_tag_is_known_again_whatever_a_proxy_has_made_of_it(condition: str, status: int) -> None:
    """`If-None-Match` compares weakly (section 13.1.2), and a tag with a coding is the one that it was made of."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.get("/orders/order1", ("if-none-match", condition))
        assert (response.status, response.header("etag")) == (status, '"1"')


@usual
@given(st.integers(1, 10**18 - 1), st.sampled_from(["-", "--", ";"]), st.sampled_from(["gzip", "br", "zstd", "GZip"]))
def test_every_version_is_known_again_by_every_form_of_its_tag(version: int, mark: str, coding: str) -> None:
    """And by no form of another version's."""
    for tag in (f'"{version}{mark}{coding}"', f'W/"{version}{mark}{coding}"', f'W/"{version}"', f'"x", "{version}"'):
        asked = {"headers": [(b"if-none-match", tag.encode("ascii"))]}
        assert names_tag(asked, b'"%d"' % version)
        assert not names_tag(asked, b'"%d"' % (version + 1))


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_the_tags_of_pages_are_known_again_too(path: str) -> None:
    """Proxies compress pages first of all."""
    async with serving() as service:
        tag = (await service.client.get(path)).header("etag") or ""
        for condition in (tag, f"W/{tag}", f'{tag[:-1]}-gzip"', f'W/{tag[:-1]};gzip"'):
            assert (await service.client.get(path, ("if-none-match", condition))).status == 304
        assert (await service.client.get(path, ("if-none-match", f'{tag[:-2]}-gzip"'))).status == 200


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ('"2"', "at version 1, not 2"), ('"7-gzip"', "at version 1, not 7"), ('"7", "8"', "at version 1, not 7"),
        ('W/"1", "3"', "at version 1, not 3"), ('"x", "3"', "at version 1, not 3"),
        ('W/"1"', 'the weak tag W/"1" never matches'), ('W/"1-gzip"', 'Send "1", without W/.'),
        ('W/"x", W/"2"', 'Send "2", without W/.'), ('"x", W/"3"', 'Send "3", without W/.'),
        ('"x"', "contains no tag of this service"), ('W/"x"', "contains no tag of this service"),
        ('"0"', "contains no tag of this service"), ('"-1"', "contains no tag of this service"),
        ('""', "contains no tag of this service"), ('"' + "9" * 19 + '"', "contains no tag of this service"),
    ],
)  # fmt: skip
async def test_a_refusal_says_what_is_wrong_with_the_tag(condition: str, says: str) -> None:
    """An old version, a weak tag and a foreign tag are different errors. Reading again helps only with the first."""
    async with serving() as service:
        await service.place("order1")
        read = await service.client.get("/orders/order1", ("if-match", condition))
        for refused in (read, await service.client.post("/orders/order1/cancel", ("if-match", condition))):
            assert (refused.status, refused.code) == (412, "version_mismatch")
            detail = refused.json()["detail"]
            assert says in detail
            assert ("Read the order again" in detail) == says.startswith("at version")
            assert "not -1" not in detail
            assert "not 0" not in detail


async def test_the_version_that_is_wanted_goes_before_the_one_that_is_known() -> None:
    """`If-Match` is looked at before `If-None-Match` (section 13.2.2)."""
    async with serving() as service:
        await service.place("order1")

        async def status(if_match: str, if_none_match: str) -> int:
            fields = [("if-none-match", if_none_match), ("if-match", if_match)]
            return (await service.client.get("/orders/order1", *fields)).status

        assert await status('"2"', '"1"') == 412
        assert await status('"1"', '"1"') == 304
        assert await status("*", '"2"') == 200


@pytest.mark.parametrize("field", ["if-match", "if-none-match"])
@pytest.mark.parametrize("condition", ["*", '"1"', "garbage"])
async def test_a_condition_makes_nothing_of_what_is_not_there(field: str, condition: str) -> None:
    """Where the answer would be no success anyway, the condition is not looked at (section 13.2.1)."""
    async with serving() as service:
        response = await service.client.get("/orders/nobody", (field, condition))
        assert (response.status, response.code) == (404, "order_not_found")


async def test_a_star_acts_on_whatever_is_there() -> None:
    """And finds nothing where there is nothing."""
    async with serving() as service:
        await service.place("order1")
        assert (await service.client.post("/orders/order1/cancel", ("if-match", "*"))).status == 200
        assert (await service.client.post("/orders/nobody/cancel", ("if-match", "*"))).status == 404


async def test_the_tag_of_an_answer_is_good_for_the_next_request() -> None:
    """From placing to reading to acting, each answer names the version that the next may ask for."""
    async with serving(Work()) as service:
        placed = await service.client.place({"user_id": "u", "item_ids": ["i"], "total_amount": "1.00"})
        where, tag = placed.header("location") or "", placed.header("etag") or ""
        await service.bench.settle()
        stale = await service.client.get(where, ("if-match", tag))
        fresh = await service.client.get(where)
        assert (stale.status, stale.code) == (412, "version_mismatch")
        assert (await service.client.get(where, ("if-match", fresh.header("etag") or ""))).status == 200


@pytest.mark.parametrize("target", ["/orders/order1/status", "/orders/order1/history", "/orders", "/livez", "/metrics"])
async def test_what_has_no_tag_knows_no_conditions(target: str) -> None:
    """An answer without `ETag` is sent whatever is asked (section 13.1)."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.get(target, ("if-none-match", '"1"'))
        assert (response.status, response.header("etag")) == (200, None)


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /orders/order1", "HEAD /orders/order1", "GET /orders/order1/status", "GET /orders/order1/history",
        "POST /orders/order1/cancel", "POST /orders/order1/redrive", "POST /orders", "POST /orders/batch",
        "GET /events", "GET /orders/order1/events",
    ],
)  # fmt: skip
@pytest.mark.parametrize("query", ["dry_run=true", "limit=1", "=", "%FF", "a=b&c=d"])
async def test_parameters_that_nobody_knows_are_refused(request_line: str, query: str) -> None:
    """422 without effect, because the client expects an effect of the parameter."""
    async with serving() as service:
        await service.place("order1")
        method, _, path = request_line.partition(" ")
        body = b'{"order_id":"order2","user_id":"u","item_ids":["i"],"total_amount":"1"}'
        fields = [("content-type", "application/json")] if path in {"/orders", "/orders/batch"} else []
        response = await service.client.send(method, f"{path}?{query}", fields, body if fields else b"")
        assert response.status == 422
        assert method == "HEAD" or response.code == "invalid_query"
        assert (await service.total_orders(), await service.version("order1")) == (1, 1)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs"])
async def test_who_watches_may_send_parameters(path: str) -> None:
    """Probes and scrapers add their own, and expect nothing of them."""
    async with serving() as service:
        assert (await service.client.get(f"{path}?verbose=1")).status == 200
