"""The configurations of the docs: behind each of them the service does what it does without a proxy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

from tests.integration.event_client import event_stream
from tests.integration.inspection import body_of
from tests.integration.proxies.kinds import KINDS
from tests.integration.proxies.proxy import Proxy, running_proxy
from tests.integration.service import Answer, Service, ask, run_command, serving
from tests.unit.http.event_source import Sent

PAGE: Final = Path(__file__).parents[3] / "docs" / "how-to" / "put-a-proxy-in-front.md"
LANGUAGES: Final = {"nginx": "nginx", "Caddy": "caddyfile", "HAProxy": "haproxy", "Apache": "apache", "Varnish": "vcl"}
"""How the page marks each configuration."""
ROOT: Final = "/shop/api"
FLAGS: Final = ("--root-path", ROOT, "--trusted-proxies", "127.0.0.1", "--processor", "none")
LARGE: Final = 100_000
LONGEST: Final = "\N{SHOPPING TROLLEY}" * 256
STRANGE: Final = "a b%2B+?#é😀;v=1,2&x"
"""An id that no proxy may decode, encode or cut."""

every_proxy = pytest.mark.parametrize("kind", list(KINDS))


def sample(kind: str) -> str:
    """Return the configuration of a proxy in the docs."""
    [block] = Document.parse(str(PAGE), CodeBlockParser(LANGUAGES[kind], lambda _: None)).examples()
    return str(block.parsed)


@contextmanager
def in_front(service: Service, kind: str) -> Iterator[Proxy]:
    """Put the proxy of the docs in front of a service."""
    with running_proxy(KINDS[kind], service.address, sample(kind)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service that knows where it is."""
    with serving(tmp_path_factory.mktemp("under a path"), *FLAGS) as service:
        yield service


def send(address: str, path: str, headers: Mapping[str, str], body: bytes = b"", source: str = "127.0.0.1") -> Answer:
    """Return the answer to a request from one of the addresses of this machine."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60, source_address=(source, 0))
    try:
        connection.request("POST" if body else "GET", path, body or None, dict(headers))
        with connection.getresponse() as response:
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read().decode())
    finally:
        connection.close()


def test_there_is_a_configuration_of_every_proxy() -> None:
    """The page leaves none out."""
    assert LANGUAGES.keys() == KINDS.keys()
    assert all(sample(kind) for kind in KINDS)


@every_proxy
def test_every_link_leads_back_through_the_proxy(service: Service, kind: str) -> None:
    """Location, Link, the document and the page are below the path, and lead to what they name, whatever the id."""
    with in_front(service, kind) as proxy:
        order_id = f"{kind} {STRANGE}"
        placed = ask(proxy.address, "POST", f"{ROOT}/orders", body_of(order_id))
        assert placed.headers["location"] == f"{ROOT}/orders/{quote(order_id, safe='')}"
        assert ask(proxy.address, "GET", placed.headers["location"]).json()["order_id"] == order_id
        ask(proxy.address, "POST", f"{ROOT}/orders", body_of(f"{kind} 2"))
        link = ask(proxy.address, "GET", f"{ROOT}/orders?limit=1").headers["link"][1:].partition(">")[0]
        assert ask(proxy.address, "GET", link).json()["orders"][0]["order_id"] == order_id
        assert ask(proxy.address, "GET", f"{ROOT}/openapi.json").json()["servers"][0]["url"] == ROOT
        assert f'href="{ROOT}/docs"' in ask(proxy.address, "GET", f"{ROOT}/").body
        assert ask(proxy.address, "GET", f"{ROOT}/docs/docs.js").status == 200
        without_slash = ask(proxy.address, "GET", ROOT)
        assert without_slash.status == 308
        assert urlsplit(without_slash.headers["location"]).path == f"{ROOT}/"
        for path in ("/livez", "/readyz"):
            assert ask(proxy.address, "GET", f"{ROOT}{path}").status == 200
        beside = ask(proxy.address, "GET", "/orders")
        assert "x-request-id" not in beside.headers, "what is beside the path is not the service's"


@every_proxy
def test_the_longest_ids_pass(service: Service, kind: str) -> None:
    """In the path, in Location, and in the link of a list that is filtered by the longest user id."""
    user = f"{LONGEST[: -len(kind)]}{kind}"
    with in_front(service, kind) as proxy:
        for number in range(2):
            body = json.loads(body_of(f"{user[:-1]}{number}")) | {"user_id": user}
            placed = ask(proxy.address, "POST", f"{ROOT}/orders", json.dumps(body).encode())
            assert placed.status == 201, placed
            history = ask(proxy.address, "GET", f"{placed.headers['location']}/history")
            assert [event["type"] for event in history.json()["events"]] == ["placed"]
        page = ask(proxy.address, "GET", f"{ROOT}/orders?limit=1&user_id={quote(user)}")
        following = ask(proxy.address, "GET", page.headers["link"][1:].partition(">")[0])
        found = [each["order_id"] for answer in (page, following) for each in answer.json()["orders"]]
        assert found == [f"{user[:-1]}1", f"{user[:-1]}0"]


@pytest.mark.parametrize("kind", ["Caddy", "nginx"])
def test_the_commands_go_through_the_proxy(service: Service, kind: str, tmp_path: Path) -> None:
    """An import and what reads and operates, by the URL outside: of a proxy that takes the path off, and of another."""
    (tmp_path / "orders.jsonl").write_bytes(body_of(f"{kind}-imported") + b"\n")
    with in_front(service, kind) as proxy:
        url = ("--url", f"{proxy.address}{ROOT}")
        imported = run_command(tmp_path, "import", "orders.jsonl", *url)
        assert imported.stdout.startswith("imported 1 order (1 new"), imported.stdout + imported.stderr
        shown = run_command(tmp_path, "orders", "show", f"{kind}-imported", "--json", *url)
        assert json.loads(shown.stdout)["status"] == "Pending", shown.stderr
        cancelled = run_command(tmp_path, "orders", "cancel", f"{kind}-imported", *url)
        assert cancelled.returncode == 0, cancelled.stderr


@every_proxy
def test_a_large_batch_arrives_whole(service: Service, kind: str) -> None:
    """One and a half megabytes: every order is answered for and is there."""
    orders = [_large(f"{kind}-batch-{number}") for number in range(15)]
    body = b"".join(json.dumps(order).encode() + b"\n" for order in orders)
    with in_front(service, kind) as proxy:
        answer = send(proxy.address, f"{ROOT}/orders/batch", {"Content-Type": "application/x-ndjson"}, body)
        assert answer.status == 200, answer.body[:1000]
        told = [json.loads(line) for line in answer.body.splitlines()]
        expected = [(order["order_id"], 201) for order in orders]
        assert [(each["order_id"], each["code"]) for each in told if "code" in each] == expected
        last = ask(proxy.address, "GET", f"{ROOT}/orders/{orders[-1]['order_id']}").json()
        assert last["attributes"] == orders[-1]["attributes"]


def _large(order_id: str) -> dict[str, Any]:
    return {**json.loads(body_of(order_id)), "attributes": {"note": "x" * LARGE}}


@every_proxy
async def test_events_come_at_once_and_are_resumed(service: Service, kind: str) -> None:
    """Each event arrives before the next order is placed; events while disconnected arrive after a reconnect."""
    with in_front(service, kind) as proxy:
        async with event_stream(proxy.address, f"{ROOT}/events") as stream:
            for number in range(2):
                _place(proxy, f"{kind}-event-{number}")
                await stream.events(number + 1)
            assert _orders_of(stream.parser.sent) == [f"{kind}-event-{number}" for number in range(2)]
            last = stream.parser.last_id
        missed = [f"{kind}-event-{number}" for number in range(2, 4)]
        for order_id in missed:
            _place(proxy, order_id)
        async with event_stream(proxy.address, f"{ROOT}/events", last) as stream:
            await stream.events(len(missed))
            assert _orders_of(stream.parser.sent) == missed


def _place(proxy: Proxy, order_id: str) -> None:
    assert ask(proxy.address, "POST", f"{ROOT}/orders", body_of(order_id)).status == 201


def _orders_of(sent: Sequence[Sent]) -> list[str]:
    return [event.document()["order_id"] for event in sent]


@every_proxy
def test_rates_are_by_the_clients_address(tmp_path: Path, kind: str) -> None:
    """Two clients do not share a rate; neither gets another one by naming an address in a header of its own."""
    with (
        serving(tmp_path, *FLAGS, "--rate-limit", "0.001") as service,
        in_front(service, kind) as proxy,
    ):

        def status(source: str, headers: Mapping[str, str]) -> int:
            return send(proxy.address, f"{ROOT}/orders", headers, source=source).status

        assert status("127.0.0.2", {}) == 200
        assert status("127.0.0.3", {}) == 200
        assert status("127.0.0.4", {"X-Forwarded-For": "6.6.6.4", "Forwarded": "for=6.6.6.4"}) == 200
        for source in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            for number in range(2):
                spoofed = f"6.6.6.{number}"
                assert status(source, {}) == 429
                assert status(source, {"X-Forwarded-For": spoofed}) == 429
                assert status(source, {"Forwarded": f"for={spoofed}"}) == 429
                assert status(source, {"X-Forwarded-For": spoofed, "Forwarded": f"for={spoofed}"}) == 429
