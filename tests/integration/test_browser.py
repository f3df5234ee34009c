"""The pages in a real browser: whole, quiet on the console, and without a word to any other host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from order_engine_adapters.http.access.cors_headers import PASSED_OVER, READ
from tests.integration.browser import Browser, browsing
from tests.integration.service import Service, serving
from tests.integration.wire_orders import wire_orders
from tests.postgres_server import free_port

LISTEN = """
window.events = []; window.opened = 0; window.ready = [];
window.source = new EventSource(arguments[0]);
window.source.onopen = () => { window.opened += 1; };
window.source.onmessage = event => window.events.push([event.type, event.data]);
window.source.addEventListener("ready", event => window.ready.push(JSON.parse(event.data).resumed));
for (const type of ["placed", "claimed", "completed"])
  window.source.addEventListener(type, event => window.events.push([event.type, JSON.parse(event.data).order_id]));
"""
SEND = "fetch(arguments[0], {method: 'POST', mode: 'no-cors'}).then(answer => { window.answer = answer.type; })"
ASK = """
fetch(arguments[0], arguments[1]).then(
  answer => { window.answer = [answer.status, Object.fromEntries(answer.headers)]; },
  error => { window.answer = [0, {error: String(error)}]; });
"""
FIELDS = {
    "Authorization": "Bearer key",
    "Content-Type": "application/json",
    "Idempotency-Key": "key",
    "If-Match": "*",
    "Traceparent": f"00-{1:032x}-{1:016x}-01",
    "X-Request-ID": "page-1",
}
PLACING = "document.querySelector('#operations-Orders-placeOrder')"
OPERATIONS = "return document.querySelectorAll('.opblock').length"
OVERFLOWS = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Run one browser for all tests."""
    with browsing(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def browser(window: Browser) -> Browser:
    """Give the browser at an empty page, with nothing in its logs: not even what its new window has asked for."""
    window.open("about:blank")
    window.requests()
    window.complaints()
    return window


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Run a service whose orders end soon."""
    with serving(tmp_path, "--processor", "demo:0.05") as running:
        yield running


def expect_quiet(browser: Browser, service: Service) -> None:
    """Check that the page logged nothing to the console and contacted no other host."""
    assert browser.complaints() == []
    asked = browser.requests()
    assert asked
    assert [url for url in asked if not url.startswith((f"{service.address}/", "data:"))] == []


def test_the_docs_show_every_operation(browser: Browser, service: Service, tmp_path: Path) -> None:
    """Under the policy of the page, with every operation opened, and with nothing written into the console."""
    document = service.get("/openapi.json").json()
    operations = sum(len(item) for item in document["paths"].values())
    browser.open(f"{service.address}/docs")
    browser.wait(f"{OPERATIONS} === {operations}", "all operations are shown")
    browser.photograph(tmp_path / "docs.png")
    browser.run("for (const each of document.querySelectorAll('.opblock-summary-control')) each.click()")
    browser.wait(f"return document.querySelectorAll('.opblock.is-open').length === {operations}", "all are open")
    assert browser.run("return document.querySelectorAll('.opblock-body').length") == operations
    assert not browser.run(OVERFLOWS)
    browser.photograph(tmp_path / "docs-open.png")
    expect_quiet(browser, service)


def test_an_operation_is_tried_from_the_docs(browser: Browser, service: Service, tmp_path: Path) -> None:
    """A request of the page's own is answered: it is no page of another site."""
    browser.open(f"{service.address}/docs")
    browser.wait(f"{OPERATIONS} > 0", "the operations are shown")
    browser.run(f"{PLACING}.querySelector('.opblock-summary-control').click()")
    # The example of the body comes once the schemas behind its references are there.
    browser.wait(f"return ({PLACING}.querySelector('.body-param__text') || {{}}).value", "it can be tried")
    browser.run(f"{PLACING}.querySelector('.execute').click()")
    status = f"{PLACING}.querySelector('.live-responses-table tbody .response-col_status')"
    browser.wait(f"return !!{status}", "it is answered")
    assert browser.run(f"return {status}.innerText").startswith("201")
    browser.photograph(tmp_path / "docs-tried.png")
    expect_quiet(browser, service)


def test_a_page_of_another_site_cannot_cancel(browser: Browser, tmp_path: Path) -> None:
    """It may send the request, without reading the answer; the order stays as it was."""
    (order_id, body), *_ = wire_orders(1).items()
    with _pending(tmp_path / "shop") as shop, _pending(tmp_path / "other") as other:
        assert shop.post("/orders", body).status == 201
        # Another port is another origin, though the same site.
        browser.open(f"{other.address}/livez")
        browser.run(SEND, f"{shop.address}/orders/{order_id}/cancel")
        browser.wait("return !!window.answer", "the request was answered")
        assert browser.run("return window.answer") == "opaque"
        assert any("403" in complaint for complaint in browser.complaints())
        assert shop.get(f"/orders/{order_id}/status").json() == {"status": "Pending"}


def test_a_page_of_a_named_origin_sends_whatever_is_read(browser: Browser, tmp_path: Path) -> None:
    """With every header that the service reads or libraries add, and it can read all response headers for programs."""
    (order_id, body), *_ = wire_orders(1).items()
    fields = {name: FIELDS.get(name, "*/*") for name in (*READ, *PASSED_OVER) if name != "Content-Encoding"}
    with (
        _pending(tmp_path / "other") as other,
        _pending(tmp_path / "shop", "--cors-origins", other.address) as shop,
    ):
        browser.open(f"{other.address}/livez")
        browser.run(ASK, f"{shop.address}/orders", {"method": "POST", "body": body.decode(), "headers": fields})
        browser.wait("return !!window.answer", "the order is placed")
        status, headers = browser.run("return window.answer")
        assert status == 201
        assert headers["location"] == f"/orders/{order_id}"
        assert headers["x-request-id"] == FIELDS["X-Request-ID"]
        encoded = {"method": "POST", "body": "x", "headers": {"Content-Encoding": "gzip"}}
        browser.run(ASK, f"{shop.address}/orders", encoded)
        browser.wait("return window.answer && window.answer[0] !== 201", "an encoded body is refused")
        assert browser.run("return window.answer[0]") == 415


@contextmanager
def _pending(folder: Path, *flags: str) -> Iterator[Service]:
    """Run a service that works on no order."""
    folder.mkdir()
    with serving(folder, "--processor", "none", *flags) as running:
        yield running


def test_the_start_page_shows_figures_and_links(browser: Browser, service: Service, tmp_path: Path) -> None:
    """Each link leads somewhere."""
    lines = list(wire_orders(3).values())
    for line in lines:
        assert service.post("/orders", line).status == 201
    browser.open(f"{service.address}/")
    browser.photograph(tmp_path / "start.png")
    figures = browser.run("return document.querySelector('table').innerText")
    assert figures.startswith(f"Total orders\t{len(lines)}")
    links = browser.run("return [...document.querySelectorAll('a')].map(each => each.href)")
    assert {link.removeprefix(service.address) for link in links} >= {"/docs", "/openapi.json", "/orders", "/metrics"}
    assert not browser.run(OVERFLOWS)
    expect_quiet(browser, service)
    browser.open(f"{service.address}/docs/problems")
    browser.photograph(tmp_path / "problems.png")
    assert browser.run("return document.querySelectorAll('dt').length") > 20
    expect_quiet(browser, service)


def test_events_go_on_after_a_restart(browser: Browser, tmp_path: Path) -> None:
    """An EventSource connects again by itself, and misses nothing that happened while the service was away."""
    flags = ("--processor", "demo:0", "--port", str(free_port()))
    first, second = wire_orders(2).values()
    with serving(tmp_path, *flags) as service:
        browser.open(f"{service.address}/docs")
        browser.run(LISTEN, "/events")
        browser.wait("return window.opened === 1", "the stream is open")
        service.post("/orders", first)
        browser.wait("return window.events.length === 3", "the events of the first order came")
        service.signal()
        assert service.wait() == 0
    with serving(tmp_path, *flags) as service:
        # Most likely placed before the browser is there again.
        service.post("/orders", second)
        browser.wait("return window.events.length === 6", "the events of the second order came", seconds=60)
        types = ["placed", "claimed", "completed"] * 2
        assert [kind for kind, _ in browser.run("return window.events")] == types
        assert len({order_id for _, order_id in browser.run("return window.events")}) == 2
        assert browser.run("return window.ready") == [False, True]
        browser.run("window.source.close()")
