"""The page at the root of the service."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from order_engine_adapters.http import create_app
from tests.unit.application.bench import Bench
from tests.unit.http.client import Client
from tests.unit.http.serving import serving

VOID = frozenset({"meta", "br"})


class Page(HTMLParser):
    """Reads a page, and fails on one whose elements are not closed in order."""

    def __init__(self, text: str) -> None:
        """Read `text` whole."""
        super().__init__()
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.words: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.add(tag)
        if tag not in VOID:
            self._open.append(tag)
        self.links += [value or "" for name, value in attributes if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what is written in it."""
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)


async def test_the_page() -> None:
    """Figures and links, no script, nothing from elsewhere, under a policy that allows its own style alone."""
    async with serving() as service:
        await service.place("order1", "order2")
        response = await service.client.get("/", ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"))
        assert (response.status, response.header("content-type")) == (200, "text/html; charset=utf-8")
        page = Page(response.body.decode())
        style_hash = b64encode(sha256(page.style.encode()).digest()).decode()
        assert response.header("content-security-policy") == (
            f"default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        assert page.elements.isdisjoint({"script", "img", "link", "iframe", "form"})
        assert set(page.links) == {"/docs", "/openapi.json", "/orders", "/events", "/metrics", "/readyz", "/livez"}
        words = [word.strip() for word in page.words]
        assert words[words.index("Total orders") + 1] == "2"
        assert words[words.index("Pending") + 1] == "2"


@pytest.mark.parametrize("path", ["/shop", "/a/b<&\">'"])
async def test_links_under_a_prefix(path: str) -> None:
    """They honour the path that the application is mounted at, whatever is in it."""
    bench = Bench()
    async with bench.engine() as engine:
        client = Client(Starlette(routes=[Mount("/api", create_app(engine))]), root_path=path)
        response = await client.get("/api/")
        assert response.status == 200
        page = Page(response.body.decode())
        assert all(link.startswith("/") and link.count("/api/") == 1 for link in page.links)
        assert all(character not in "".join(page.links) for character in "<>\"'&")


async def test_a_client_that_reads_no_pages() -> None:
    """406; HEAD answers without the page."""
    async with serving() as service:
        assert (await service.client.get("/", ("accept", "application/json"))).status == 406
        assert (await service.client.send("HEAD", "/")).status == 200
        assert (await service.client.get("/")).status == 200
