"""`/openapi.json`, `/docs` and its parts: served as they should be, and nothing of them comes from elsewhere."""

from __future__ import annotations

import re
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from urllib.parse import urljoin

import pytest

from order_engine_adapters.http.openapi import DocumentOptions, document
from order_engine_adapters.http.openapi.docs_page import ASSETS
from order_engine_adapters.http.openapi.known_problems import known_problems
from tests.unit.http.client import Client
from tests.unit.http.serving import serving
from tests.unit.http.test_paths import mounted

VENDORED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
"""Of swagger-ui-dist 5.35.0, as the registry gives it."""
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
PAGES = ["/docs", "/docs/problems"]


class Loads(HTMLParser):
    """Collects what a page loads, what it links to, and what it would run by itself."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        attributes = dict(attrs)
        if (address := attributes.get(LOADING.get(tag, ""))) is not None:
            self.loaded.append(address)
        if tag == "a":
            self.linked.append(attributes["href"] or "")
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.within.append(tag)
        self.within += [name for name in attributes if name == "style" or name.startswith("on")]


def loads(page: str) -> Loads:
    """Return what a page loads."""
    found = Loads()
    found.feed(page)
    return found


async def test_the_document_is_served() -> None:
    """The one that the limits of this service make."""
    async with serving() as service:
        response = await service.client.get("/openapi.json")
        assert (response.status, response.header("content-type")) == (200, "application/json")
        assert response.json() == document(DocumentOptions())


@pytest.mark.parametrize("target", ["/openapi.json", *PAGES, "/docs/swagger-ui.css", "/docs/docs.js"])
async def test_what_has_not_changed_is_not_sent_again(target: str) -> None:
    """It is asked for again each time, and 304 is the answer as long as it is the same."""
    async with serving() as service:
        first = await service.client.get(target)
        assert (first.status, first.header("cache-control")) == (200, "no-cache")
        tag = first.header("etag") or ""
        again = await service.client.get(target, ("if-none-match", f'"other", W/{tag}'))
        assert (again.status, again.body, again.header("etag")) == (304, b"", tag)
        assert (await service.client.get(target, ("if-none-match", '"other"'))).status == 200
        refused = await service.client.get(target, ("if-none-match", "other"))
        assert (refused.status, refused.code) == (400, "invalid_header")


@pytest.mark.parametrize(
    ("prefix", "url"), [("/shop", "/shop"), ("/api v1", "/api%20v1"), ("/caf\u00e9/a", "/caf%C3%A9/a"), ("", "/")]
)
async def test_the_document_says_where_the_service_is(prefix: str, url: str) -> None:
    """Under whatever prefix a proxy, a server or an application has put it."""
    async with serving() as service:
        response = await Client(service.app, root_path=prefix).get("/openapi.json")
        assert response.json()["servers"] == [{"url": url}]
    async with serving() as service:
        response = await mounted(service.app, "GET", "/shop/openapi.json")
        assert response.json()["servers"] == [{"url": "/shop"}]


@pytest.mark.parametrize("target", PAGES)
async def test_the_pages_load_their_own_parts_and_nothing_else(target: str) -> None:
    """By relative addresses, so under any prefix; no script or style stands in the page itself."""
    async with serving() as service:
        page = loads((await service.client.get(target)).body.decode())
        assert page.within == []
        for prefix in ("", "/shop"):
            for address in [*page.loaded, *page.linked]:
                assert "//" not in address
                if address == "data:,":
                    continue
                wanted = urljoin(f"http://host{prefix}{target}", address).removeprefix("http://host")
                assert wanted.startswith(f"{prefix}/")
                assert (await mounted(service.app, "GET", f"/shop{wanted.removeprefix(prefix)}")).status == 200, wanted


async def test_the_browser_is_told_to_keep_to_this_host() -> None:
    """No scripts, styles or requests of other origins, none inline, and no embedding in frames."""
    async with serving() as service:
        for target in (*PAGES, "/docs/docs.js"):
            policy = (await service.client.get(target)).header("content-security-policy") or ""
            rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
            assert rules["default-src"] == "'none'"
            assert {rules[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
            assert rules["img-src"] == "'self' data:"
            assert {rules[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
            assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["docs.css", "swagger-ui.css"])
async def test_styles_load_nothing_from_elsewhere(name: str) -> None:
    """No import, and no address but of data within the style itself."""
    async with serving() as service:
        style = (await service.client.get(f"/docs/{name}")).body.decode()
        assert "@import" not in style
        assert all(address.startswith("data:") for address in re.findall(r"url\([\"']?([^)]*)\)", style))


async def test_our_script_names_no_other_host() -> None:
    """The page also disables remote validation of the document."""
    async with serving() as service:
        script = (await service.client.get("/docs/docs.js")).body.decode()
        assert "//" not in script.replace("// Without", "")
        assert "validatorUrl: null" in script


@pytest.mark.parametrize("name", list(VENDORED))
def test_the_parts_of_others_are_as_they_came(name: str) -> None:
    """Not a byte differs, and the licence is beside them."""
    folder = files("order_engine_adapters.http").joinpath("assets", "swagger_ui")
    assert sha256(folder.joinpath(name).read_bytes()).hexdigest() == VENDORED[name]
    assert "Apache License" in folder.joinpath("LICENSE.txt").read_text()
    assert "SmartBear" in folder.joinpath("NOTICE").read_text()


@pytest.mark.parametrize("name", list(ASSETS))
async def test_every_part_is_what_it_says_it_is(name: str) -> None:
    """With `nosniff`, browsers need the correct media type."""
    async with serving() as service:
        response = await service.client.get(f"/docs/{name}")
        kinds = {"css": "text/css", "js": "text/javascript"}
        expected = kinds.get(name.rpartition(".")[2], "text/plain")
        assert (response.header("content-type") or "").startswith(expected)
        assert response.header("x-content-type-options") == "nosniff"
        assert len(response.body) > 10


@pytest.mark.parametrize(
    "name", ["other.js", "..", "%2e%2e", "..%2Fdocs.py", "swagger_ui", "docs.html", "", "LICENSE.txt"]
)
async def test_there_are_no_other_parts(name: str) -> None:
    """No name leads out of the folder, since none is looked for there."""
    async with serving() as service:
        response = await service.client.get(f"/docs/{name}")
        assert (response.status, response.code) == (404, "route_not_found")


async def test_every_problem_is_on_its_page() -> None:
    """By its type, which a client may have met and wants to understand."""
    async with serving() as service:
        page = (await service.client.get("/docs/problems")).body.decode()
        for problem in known_problems():
            assert f'<dt id="{problem.code}"><code>urn:order-engine:problem:{problem.code}</code></dt>' in page
        assert page.count("<dt ") == len(known_problems())
        assert "<!-- problems -->" not in page
