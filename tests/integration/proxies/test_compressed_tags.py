"""Entity tags behind proxies that compress: what each of them makes of `"1"`, and what a client may do with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.integration.proxies.kinds import APACHE, CADDY, HAPROXY, NGINX, VARNISH, Kind
from tests.integration.proxies.proxy import running_proxy
from tests.integration.service import Answer, Service, ask, serving

LONG: Final = 200
"""Items of an order that is worth compressing: Caddy begins at 512 bytes."""


class Compressing(NamedTuple):
    """A proxy that compresses, and the tags that its versions make of `"1"`."""

    kind: Kind
    site: str
    tags: frozenset[str]


COMPRESSING: Final[Mapping[str, Compressing]] = {
    "Apache": Compressing(
        APACHE,
        """
<VirtualHost *:8080>
    ProxyPass / http://127.0.0.1:8000/
    AddOutputFilterByType DEFLATE application/json
</VirtualHost>
""",
        frozenset({'"1-gzip"'}),
    ),
    "Caddy": Compressing(
        CADDY,
        """
http://127.0.0.1:8080 {
    encode gzip
    reverse_proxy 127.0.0.1:8000
}
""",
        frozenset({'"1"', '"1-gzip"'}),
    ),
    "nginx": Compressing(
        NGINX,
        """
server {
    listen 127.0.0.1:8080;
    gzip on;
    gzip_types application/json;
    gzip_proxied any;
    location / {
        proxy_pass http://127.0.0.1:8000;
        proxy_http_version 1.1;
    }
}
""",
        frozenset({'W/"1"'}),
    ),
    "HAProxy": Compressing(
        HAPROXY,
        """
frontend shop
    bind 127.0.0.1:8080
    compression algo gzip
    compression type application/json
    default_backend orders

backend orders
    server orders 127.0.0.1:8000
""",
        frozenset({'W/"1"'}),
    ),
    "Varnish": Compressing(
        VARNISH,
        """
backend default {
    .host = "127.0.0.1";
    .port = "8000";
}

sub vcl_backend_response {
    set beresp.do_gzip = true;
}
""",
        frozenset({'W/"1"'}),
    ),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service that only takes orders."""
    with serving(tmp_path_factory.mktemp("behind compression"), "--processor", "none") as service:
        yield service


@pytest.mark.parametrize("name", list(COMPRESSING))
def test_a_tag_of_a_compressed_answer(service: Service, name: str) -> None:
    """It matches for a 304. For an action it matches, or the error has the correct tag."""
    proxied = COMPRESSING[name]
    path = f"/orders/by-{name}"
    with running_proxy(proxied.kind, service.address, proxied.site) as proxy:
        order = {"order_id": f"by-{name}", "user_id": "user", "item_ids": ["item"] * LONG, "total_amount": "1.00"}
        assert ask(proxy.address, "POST", "/orders", json.dumps(order).encode()).status == 201
        read = send(proxy.address, "GET", path, {"Accept-Encoding": "gzip"})
        tag = read.headers["etag"]
        assert read.headers["content-encoding"] == "gzip"
        assert tag in proxied.tags
        assert send(proxy.address, "GET", path, {"Accept-Encoding": "gzip", "If-None-Match": tag}).status == 304
        acted = send(proxy.address, "POST", f"{path}/cancel", {"If-Match": tag})
        if tag.startswith("W/"):
            assert acted.status == 412
            named = re.search('Send ("[^"]+")', acted.json()["detail"])
            assert named
            acted = send(proxy.address, "POST", f"{path}/cancel", {"If-Match": named[1]})
        assert (acted.status, acted.json()["status"]) == (200, "Cancelled")
        stale = send(proxy.address, "POST", f"{path}/cancel", {"If-Match": tag})
        assert stale.status == 412


def send(address: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    """Return the answer to a request without a body; that of a compressed body is left out."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request(method, path, headers=dict(headers))
        with connection.getresponse() as response:
            named = {field.lower(): value for field, value in response.getheaders()}
            body = response.read()
            return Answer(response.status, named, "" if "content-encoding" in named else body.decode())
    finally:
        connection.close()
