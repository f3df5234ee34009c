"""Proxies: client address and root path come from trusted proxies only."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from order_engine_adapters.http import Access, Proxies, Rates
from order_engine_adapters.http.proxies.forwarded import Address, plain_address
from tests.unit.domain.strategies import thorough, usual
from tests.unit.http.client import Client, Headers
from tests.unit.http.serving import serving

PROXY: Final = "10.0.0.1"
EDGE: Final = "10.0.0.2"
STRANGER: Final = "192.0.2.7"
CLIENT: Final = "203.0.113.9"
CLIENT_6: Final = "2001:db8::17"
TRUSTED: Final = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@dataclass
class Seen:
    """An application that remembers the scope it was called with."""

    scope: Scope | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature of ASGI
        """Take a look, and answer nothing."""
        self.scope = scope


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _ignored(_: Message) -> None:
    """Send nothing."""


def seen(
    headers: Headers = (), peer: str | None = PROXY, path: str = "/orders", root_path: str = "", **more: object
) -> Mapping[str, Any]:
    """Return the scope that the application gets."""
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": None if peer is None else (peer, 4711),
        **more,
    }
    before = {**scope, "headers": list(scope["headers"])}
    app = Seen()
    coroutine = app_of(app, root_path)(scope, _nothing, _ignored)
    with pytest.raises(StopIteration):
        coroutine.__await__().__next__()
    assert app.scope is not None
    assert scope == before, "the server's own scope is left as it is"
    return app.scope


def app_of(app: Seen, root_path: str = "") -> Proxies:
    """Return an application behind the proxies of these tests."""
    return Proxies(app, root_path=root_path, trusted=TRUSTED)


def sender(*headers: tuple[str, str], peer: str | None = PROXY) -> str | None:
    """Return the client address that the application sees."""
    client = seen(headers, peer)["client"]
    return None if client is None else client[0]


XFF: Final = "X-Forwarded-For"


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([], PROXY),
        ([(XFF, CLIENT)], CLIENT),
        ([(XFF, f"6.6.6.6, {CLIENT}")], CLIENT),
        ([(XFF, f"6.6.6.6,{CLIENT} , {EDGE}")], CLIENT),
        ([(XFF, "6.6.6.6"), (XFF, CLIENT)], CLIENT),
        ([(XFF, f"6.6.6.6, {CLIENT}"), (XFF, EDGE)], CLIENT),
        ([(XFF, EDGE)], EDGE),
        ([(XFF, f"{CLIENT}:50000")], CLIENT),
        ([(XFF, CLIENT_6)], CLIENT_6),
        ([(XFF, f"[{CLIENT_6}]")], CLIENT_6),
        ([(XFF, f"[{CLIENT_6}]:50000")], CLIENT_6),
        ([(XFF, f"::ffff:{CLIENT}")], CLIENT),
        ([(XFF, f"{CLIENT}, ::ffff:{EDGE}")], CLIENT),
        ([(XFF, f"{CLIENT_6}, fd00::1")], CLIENT_6),
        ([(XFF, "unknown")], PROXY),
        ([(XFF, f"{CLIENT}, unknown")], PROXY),
        ([(XFF, f"{CLIENT}, unknown, {EDGE}")], EDGE),
        ([(XFF, "")], PROXY),
        ([("Forwarded", "")], PROXY),
        ([(XFF, f"{CLIENT},")], PROXY),
        ([(XFF, "shop.example")], PROXY),
        ([(XFF, f"{CLIENT}:http")], PROXY),
        ([(XFF, f"[{CLIENT_6}]x")], PROXY),
        ([(XFF, "1" * 1000)], PROXY),
        ([("Forwarded", f"for={CLIENT}")], CLIENT),
        ([("Forwarded", f"For={CLIENT};proto=https;by=10.0.0.1")], CLIENT),
        ([("Forwarded", f'for="{CLIENT}:50000"')], CLIENT),
        ([("Forwarded", f"for={CLIENT}:50000")], CLIENT),
        ([("Forwarded", f'for="[{CLIENT_6}]"')], CLIENT_6),
        ([("Forwarded", f'for="[{CLIENT_6}]:50000"')], CLIENT_6),
        ([("Forwarded", f'by=x;FOR="\\{CLIENT}"')], CLIENT),
        ([("Forwarded", f"for=6.6.6.6, for={CLIENT}")], CLIENT),
        ([("Forwarded", f"for=6.6.6.6,for={CLIENT} , for={EDGE}")], CLIENT),
        ([("Forwarded", "for=6.6.6.6"), ("Forwarded", f"for={CLIENT}")], CLIENT),
        ([("Forwarded", f"for={CLIENT}, ,")], CLIENT),
        ([("Forwarded", "for=_hidden")], PROXY),
        ([("Forwarded", "for=unknown")], PROXY),
        ([("Forwarded", f"for={CLIENT}, for=_edge, for={EDGE}")], EDGE),
        ([("Forwarded", f"for={CLIENT}, proto=https")], PROXY),
        ([("Forwarded", 'for="6.6.6.6'), ("Forwarded", f"for={CLIENT}")], CLIENT),
        ([("Forwarded", f'for="6.6.6.6, for={CLIENT}')], PROXY),
        ([("Forwarded", f'for=6.6.6.6;x=", for="{CLIENT}"')], PROXY),
        ([("Forwarded", f"for={CLIENT};for=6.6.6.6")], PROXY),
        ([("Forwarded", f"nonsense, for={CLIENT}")], PROXY),
        ([("Forwarded", f"for={CLIENT}"), (XFF, CLIENT)], CLIENT),
        ([("Forwarded", f'for="[{CLIENT_6}]"'), (XFF, CLIENT_6)], CLIENT_6),
        ([("Forwarded", "for=6.6.6.6"), (XFF, CLIENT)], PROXY),
        ([("Forwarded", f"for={CLIENT}"), (XFF, "6.6.6.6")], PROXY),
    ],
)  # fmt: skip
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(headers: Headers, client: str) -> None:
    """Read from the end: what stands before it, its sender has written. Who is hidden is known by the proxy's address.

    Where both fields are there and disagree, one of them is the client's own: then nothing is believed.
    """
    assert sender(*headers) == client
    assert sender(*headers, peer=STRANGER) == STRANGER


@pytest.mark.parametrize(
    ("peer", "client"),
    [("::ffff:10.0.0.1", CLIENT), ("fd00::1%eth0", CLIENT), ("fd01::1", CLIENT), ("2001:db8::1", "2001:db8::1"),
     ("11.0.0.1", "11.0.0.1"), ("testclient", "testclient"), (None, None)],
)  # fmt: skip
def test_only_the_named_networks_are_trusted(peer: str | None, client: str | None) -> None:
    """In every notation of an address. A peer without an IP address is never trusted."""
    assert sender((XFF, CLIENT), peer=peer) == client


def test_the_scheme_and_the_host_are_the_clients() -> None:
    """So that a page's own origin is known as its own, and secure as secure."""
    told = [
        [(XFF, CLIENT), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example:8443")],
        [(XFF, f"{CLIENT}, {EDGE}"), ("X-Forwarded-Proto", "gopher, HTTPS, http"),
         ("X-Forwarded-Host", "evil.example, shop.example:8443, inner")],
        [("Forwarded", f'for={CLIENT};proto=HTTPS;host="shop.example:8443"')],
        [("Forwarded", f'host=evil.example, for={CLIENT};proto=https;host="shop.example:8443", for={EDGE};proto=http')],
        [("Forwarded", 'for=_hidden;proto=https;host="shop.example:8443"')],
    ]  # fmt: skip
    for headers in told:
        scope = seen([("Host", "10.0.0.9"), *headers])
        assert scope["scheme"] == "https", headers
        assert [value for name, value in scope["headers"] if name == b"host"] == [b"shop.example:8443"]
        untouched = seen([("Host", "10.0.0.9"), *headers], peer=STRANGER)
        assert (untouched["scheme"], untouched["headers"][0]) == ("http", (b"host", b"10.0.0.9"))


@pytest.mark.parametrize("value", ["", "a b", "shop.example/a", "a,b c", "ü", "x" * 256, "<script>"])
def test_what_is_no_scheme_and_no_host_is_passed_over(value: str) -> None:
    """Whichever proxy sent it."""
    scope = seen([("Host", "10.0.0.9"), ("X-Forwarded-Proto", value), ("X-Forwarded-Host", value)])
    assert (scope["scheme"], scope["headers"][0]) == ("http", (b"host", b"10.0.0.9"))


text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60)
nearly = st.lists(
    st.sampled_from(
        ["for", "=", '"', "\\", ",", ";", " ", "[", "]", ":", "6.6.6.6", CLIENT_6, EDGE, "unknown", "_x", "by"]
    )
).map("".join)
whatever = text | nearly
lines = st.lists(whatever, max_size=3)
addresses = st.ip_addresses().filter(lambda each: not any(plain_address(str(each)) in network for network in TRUSTED))
"""Those of clients: none is a trusted proxy's."""


@thorough
@given(client=addresses, sent=lines, others=lines, same_line=st.booleans())
@example(client=ip_address(CLIENT), sent=['for="'], others=[], same_line=True)
@example(client=ip_address(CLIENT_6), sent=['for=6.6.6.6;x="'], others=[], same_line=True)
def test_nobody_is_taken_for_somebody_else(
    client: Address, sent: Sequence[str], others: Sequence[str], *, same_line: bool
) -> None:
    """Whatever a client sends in both fields, it is known by its own address, or at worst by its proxy's.

    The proxy adds to one of them, in a line of its own or at the end of the client's, and passes the other one on.
    """
    node = f'"[{client}]:4711"' if client.version == 6 else f'"{client}:4711"'
    own = str(plain_address(str(client)))
    for field, added, other in [("Forwarded", f"for={node}", XFF), (XFF, str(client), "Forwarded")]:
        passed_on = [(other, line) for line in others]
        mine = [*sent[:-1], f"{sent[-1]}, {added}"] if same_line and sent else [*sent, added]
        assert sender(*((field, line) for line in mine), *passed_on) in {own, PROXY}
        if not others and (field == XFF or not (same_line and sent)):
            assert sender(*((field, line) for line in mine)) == own


# Paths


@pytest.mark.parametrize(
    ("root_path", "path", "whole"),
    [
        ("/shop/api", "/orders/1", "/shop/api/orders/1"),
        ("/shop/api", "/shop/api/orders/1", "/shop/api/orders/1"),
        ("/shop/api", "/", "/shop/api/"),
        ("/shop/api", "/shop/api/", "/shop/api/"),
        ("/shop/api", "/shop/api", "/shop/api/"),
        ("/shop/api", "/shop/apis", "/shop/api/shop/apis"),
        ("/orders", "/orders", "/orders/orders"),
        ("/orders", "/orders/orders", "/orders/orders/orders"),
        ("/caf\u00e9", "/orders", "/caf\u00e9/orders"),
        ("", "/orders", "/orders"),
    ],
)
def test_a_proxy_may_take_the_prefix_off_or_leave_it(root_path: str, path: str, whole: str) -> None:
    """The application gets the whole path and how much of it is not its own, as ASGI has it, in both forms."""
    scope = seen(path=path, root_path=root_path)
    assert (scope["path"], scope["root_path"]) == (whole, root_path)
    assert scope["raw_path"] == whole.encode("ascii", "ignore").replace(b"/caf/", b"/caf%C3%A9/")


def test_a_question_about_the_whole_server_has_no_path() -> None:
    """`OPTIONS *` stays what it is."""
    assert seen(path="*", root_path="/shop")["path"] == "*"


@pytest.mark.parametrize(
    ("prefixes", "root_path"),
    [(["/shop"], "/shop"), (["/shop/"], "/shop"), (["/a%20b"], ""), (["/caf%C3%A9"], "/caf\u00e9"),
     (["/caf%ff"], ""), (["/evil, /shop"], "/shop"), (["/evil", "/shop"], "/shop"), (["//evil.example"], ""),
     (["/%2fevil.example"], ""), (["https://evil.example"], ""), (["shop"], ""), ([""], ""), (["/"], ""),
     (["/a/../b"], ""), (["/a?b"], ""), (["/a\\b"], ""), (["/" + "a" * 1000], "")],
)  # fmt: skip
def test_a_trusted_proxy_names_the_prefix(prefixes: Sequence[str], root_path: str) -> None:
    """The last valid path counts. Invalid paths, and those of other clients, are ignored."""
    headers = [("X-Forwarded-Prefix", prefix) for prefix in prefixes]
    assert seen(headers)["root_path"] == root_path
    assert seen(headers, root_path="/set")["root_path"] == (root_path or "/set")
    assert seen(headers, peer=STRANGER)["root_path"] == ""
    assert seen(headers, peer=STRANGER, root_path="/set")["root_path"] == "/set"


@usual
@given(prefix=whatever, path=st.sampled_from(["/", "/orders", "/shop", "/shop/orders"]))
def test_no_prefix_leads_to_another_host(prefix: str, path: str) -> None:
    """Links begin with the prefix: it is empty or one path of this host, and always the beginning of the whole path."""
    scope = seen([("X-Forwarded-Prefix", f"/{prefix}")], path=path)
    assert scope["root_path"] == "" or scope["root_path"].startswith("/")
    assert not scope["path"].startswith("//")
    assert scope["path"].startswith(scope["root_path"])


def test_without_proxies_nothing_is_touched() -> None:
    """What is no request of HTTP is passed on as it is."""
    app = Seen()
    scope: Scope = {"type": "lifespan"}
    with pytest.raises(StopIteration):
        app_of(app, "/shop")(scope, _nothing, _ignored).__await__().__next__()
    assert app.scope is scope


# The whole application


@pytest.mark.parametrize("takes_off", [True, False])
async def test_every_link_leads_back_through_the_proxy(*, takes_off: bool) -> None:
    """Location, Link, the document's server, the page's links and what the docs load: all below the prefix."""
    async with serving() as service:
        direct = Client(Proxies(service.app, root_path="/shop/api"))

        def sent(target: str) -> str:
            """Return what the proxy makes of a target."""
            assert target.startswith("/shop/api")
            return target.removeprefix("/shop/api") if takes_off else target

        placed = await direct.send(
            "POST", sent("/shop/api/orders"), [("content-type", "application/json")],
            b'{"order_id":"a b","user_id":"u","item_ids":[],"total_amount":"1"}',
        )  # fmt: skip
        location = placed.header("location") or ""
        assert location == "/shop/api/orders/a%20b"
        assert (await direct.get(sent(location))).json()["order_id"] == "a b"
        await service.place("order2")
        link = ((await direct.get(sent("/shop/api/orders?limit=1"))).header("link") or "")[1:].partition(">")[0]
        assert [order["order_id"] for order in (await direct.get(sent(link))).json()["orders"]]
        [server] = (await direct.get(sent("/shop/api/openapi.json"))).json()["servers"]
        assert server["url"] == "/shop/api"
        page = (await direct.get(sent("/shop/api/"), ("accept", "text/html"))).body
        assert b'href="/shop/api/docs"' in page
        assert b'href="/' not in page.replace(b'href="/shop/api/', b"")
        assert b'src="docs/docs.js"' in (await direct.get(sent("/shop/api/docs"))).body
        assert (await direct.get(sent("/shop/api/docs/docs.js"))).status == 200
        nowhere = await direct.get(sent("/shop/api/nowhere"))
        assert (nowhere.status, nowhere.code) == (404, "route_not_found")


async def test_rates_are_by_client_and_not_by_proxy() -> None:
    """Two clients behind one proxy do not share a rate, and none gets a new one by naming other addresses."""
    access = Access(rates=Rates(1, lambda: 1000.0))
    async with serving(access=access) as service:
        proxy = Client(Proxies(service.app, trusted=TRUSTED), address=PROXY)

        async def asked(*headers: tuple[str, str]) -> int:
            return (await proxy.get("/orders", *headers)).status

        assert await asked((XFF, CLIENT)) == 200
        assert await asked((XFF, "203.0.113.10")) == 200
        for spoofed in ("6.6.6.1", "6.6.6.2"):
            assert await asked((XFF, f"{spoofed}, {CLIENT}")) == 429
        assert await asked((XFF, CLIENT), ("Forwarded", "for=6.6.6.1")) == 200, "the proxy's own rate"
        for spoofed in ("6.6.6.2", "6.6.6.3"):
            assert await asked((XFF, CLIENT), ("Forwarded", f"for={spoofed}")) == 429


async def test_a_page_behind_a_proxy_knows_its_own_origin() -> None:
    """An older browser sends only the origin, and the proxy has replaced `Host`."""
    async with serving() as service:
        await service.place("order1")
        proxy = Client(Proxies(service.app, trusted=TRUSTED), address=PROXY)
        headers = [("host", "10.0.0.9:8000"), ("origin", "https://shop.example")]
        told = [(XFF, CLIENT), ("X-Forwarded-Host", "shop.example"), ("X-Forwarded-Proto", "https")]
        assert (await proxy.post("/orders/order1/cancel", *headers)).status == 403
        assert (await proxy.post("/orders/order1/cancel", *headers, *told)).status == 200


async def test_the_log_names_the_client(caplog: pytest.LogCaptureFixture) -> None:
    """Beside a request that failed, as a field of its own."""
    async with serving() as service:

        def broken(*_: object) -> Iterable[object]:
            message = "broken"
            raise RuntimeError(message)

        service.engine.get = broken  # type: ignore[method-assign, assignment]
        proxy = Client(Proxies(service.app, trusted=TRUSTED), address=PROXY)
        with caplog.at_level(logging.ERROR):
            assert (await proxy.get("/orders/order1", (XFF, CLIENT))).status == 500
        assert [vars(record)["client"] for record in caplog.records] == [CLIENT]
