"""Batches through real proxies: every order arrives, as the last item confirms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.integration.inspection import counts_of
from tests.integration.proxies.kinds import APACHE, CADDY, HAPROXY, KINDS, NGINX, VARNISH
from tests.integration.proxies.proxy import running_proxy
from tests.integration.service import serving
from tests.integration.wire_orders import wire_orders

ORDERS: Final = 5_000
CHUNK_BYTES: Final = 20_000
SECONDS: Final = 60.0

LARGE_BODIES: Final = NGINX.site.replace("listen", "client_max_body_size 64m;\n    listen")
"""nginx takes bodies of 1 MiB unless it is told otherwise."""
UNBUFFERED: Final = LARGE_BODIES.replace(
    "proxy_pass", "proxy_request_buffering off;\n proxy_buffering off;\n proxy_http_version 1.1;\n proxy_pass"
)
SITES: Final = {
    "Caddy": (CADDY, CADDY.site),
    "nginx": (NGINX, LARGE_BODIES),
    "nginx without buffers": (NGINX, UNBUFFERED),
    "HAProxy": (HAPROXY, HAPROXY.site),
    "Apache": (APACHE, APACHE.site),
    "Varnish": (VARNISH, VARNISH.site),
}


@pytest.fixture(scope="module")
def orders() -> Mapping[str, bytes]:
    """Give orders of the shop by their ids."""
    return wire_orders(ORDERS)


def post_in_chunks(address: str, body: bytes, *fields: tuple[str, str]) -> tuple[HTTPResponse, list[Any]]:
    """Send a batch of lines in chunks, as a client that makes it while it sends; return the answer and its items."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    headers = {"Content-Type": "application/x-ndjson", **dict(fields)}
    try:
        connection.request("POST", "/orders/batch", _chunks(body), headers, encode_chunked=True)
        response = connection.getresponse()
        text = response.read()
        return response, [json.loads(line) for line in text.splitlines()] if response.status == 200 else []
    finally:
        connection.close()


def _chunks(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), CHUNK_BYTES):
        yield body[at : at + CHUNK_BYTES]


def expect_all(items: Sequence[Any], orders: Mapping[str, bytes], *, replayed: int = 0) -> None:
    """Check that each order was answered in its turn, and that the last item counts them."""
    placed = len(orders) - replayed
    assert items[-1] == {"read": len(orders), "placed": placed, "replayed": replayed, "refused": 0}
    assert [item["order_id"] for item in items[:-1]] == list(orders)
    assert {item["code"] for item in items[:-1]} == {201}


@pytest.mark.parametrize("name", list(SITES))
def test_a_batch_in_chunks_arrives_whole_through_a_proxy(
    name: str, orders: Mapping[str, bytes], tmp_path: Path
) -> None:
    """Also through those that end the request with the first byte of its answer, such as Caddy."""
    kind, site = SITES[name]
    with serving(tmp_path, "--processor", "none") as service, running_proxy(kind, service.address, site) as proxy:
        body = b"\n".join(orders.values())
        response, items = post_in_chunks(proxy.address, body)
        assert response.status == 200
        expect_all(items, orders)
        assert sum(counts_of(service.address).values()) == len(orders)
        _, again = post_in_chunks(proxy.address, body)
        expect_all(again, orders, replayed=len(orders))


def test_a_proxy_that_takes_no_large_body_loses_nothing_unnoticed(orders: Mapping[str, bytes], tmp_path: Path) -> None:
    """As it is, nginx refuses bodies of over 1 MiB: the batch as a whole, before it is sent on."""
    with serving(tmp_path, "--processor", "none") as service, running_proxy(NGINX, service.address) as proxy:
        response, _ = post_in_chunks(proxy.address, b"\n".join(orders.values()))
        assert response.status == 413
        assert sum(counts_of(service.address).values()) == 0


def test_what_a_proxy_loses_of_a_streamed_batch_is_counted(orders: Mapping[str, bytes], tmp_path: Path) -> None:
    """If a proxy cannot send and receive at the same time, the summary has the number of orders read."""
    with serving(tmp_path, "--processor", "none") as service, running_proxy(KINDS["Caddy"], service.address) as proxy:
        body = b"\n".join(orders.values())
        try:
            _, items = post_in_chunks(proxy.address, body, ("Prefer", "stream"))
        except OSError:
            items = []
        stored = sum(counts_of(service.address).values())
        if items and "read" in items[-1]:
            assert items[-1]["read"] == len(items) - 1
            assert items[-1]["placed"] == stored <= len(orders)
        else:
            assert stored < len(orders)


def test_the_client_of_the_docs_places_a_batch_through_a_proxy(orders: Mapping[str, bytes], tmp_path: Path) -> None:
    """And sees it where orders are lost: here because a line feed in one makes two bad lines of it."""
    page = (Path(__file__).parents[3] / "docs/reference/http.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def place_all" in block)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the docs' own words
    with serving(tmp_path, "--processor", "none") as service, running_proxy(CADDY, service.address) as proxy:
        known = [json.loads(body) for body in orders.values()]
        assert names["place_all"](proxy.address, known) == []
        (refused,) = names["place_all"](proxy.address, [*known, {"order_id": "bad"}])
        assert (refused["order_id"], refused["code"]) == ("bad", 422)
        names["json"] = SimpleNamespace(dumps=lambda order: json.dumps(order, indent=1), loads=json.loads)
        with pytest.raises(OSError, match="orders were read: send the batch again"):
            names["place_all"](proxy.address, known[:10])
