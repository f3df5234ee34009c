"""Responses to clients, probes and scrapers while the database is stopped or hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.inspection import body_of
from tests.integration.service import Answer, Service, wait_until
from tests.postgres_server import Server, running_server

FLAGS = ("--processor", "none", "--poll-seconds", "0.2", "--request-seconds", "4")
READS = ("/orders/order-1", "/orders/order-1/status", "/orders/order-1/history", "/orders", "/events", "/metrics")
AT_ONCE_SECONDS = 2.0
"""Well below the limit of a request, on a machine with much else to do."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server of these tests' own, which they stop, freeze and start."""
    with running_server() as running:
        yield running


def figures(service: Service) -> str:
    """Return the figures as Prometheus asks for them."""
    connection = HTTPConnection(urlsplit(service.address).netloc, timeout=15)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        with connection.getresponse() as answer:
            assert answer.status == 200
            return answer.read().decode()
    finally:
        connection.close()


def check_answers(service: Service, server: Server) -> None:
    """Check that a known outage is reported at once and without details of the database."""
    address = urlsplit(server.url)
    secret = [f":{address.port}", f"port {address.port}", str(address.hostname), "postgres"]
    calls: list[Callable[[], Answer]] = [partial(service.get, path) for path in (*READS, "/readyz")]
    calls += [partial(service.post, f"/orders/order-1/{action}") for action in ("cancel", "redrive")]
    calls += [partial(service.post, "/orders", body_of("order-2"))]
    for call in calls:
        asked = time.monotonic()
        body = call().body
        assert time.monotonic() - asked < AT_ONCE_SECONDS, body
        assert '"code":"unavailable"' in body
        assert not [word for word in secret if word in body], body
    assert {"order_engine_repository_up 0", "order_engine_ready 0"} <= set(figures(service).splitlines())
    assert service.get("/livez").status == 200


@pytest.mark.parametrize("hangs", [False, True])
def test_an_outage_is_told_at_once_and_nothing_more(tmp_path: Path, server: Server, *, hangs: bool) -> None:
    """Whether the database refuses or hangs. The log has the cause, and no restart is needed."""
    with Service(tmp_path, "--database-url", server.url, *FLAGS) as service:
        service.wait_ready()
        assert service.post("/orders", body_of("order-1")).status == 201
        assert "order_engine_repository_up 1" in figures(service)
        if hangs:
            server.pause()
        else:
            server.stop()
        try:
            wait_until(lambda: service.get("/readyz").status == 503, 20, "the outage is noticed")
            assert service.get("/readyz").json()["state"] == "unavailable"
            wait_until(lambda: _is_refused_at_once(service), 30, "the outage is known")
            check_answers(service, server)
        finally:
            if hangs:
                server.go_on()
            else:
                server.start()
        wait_until(lambda: service.get("/readyz").status == 200, 30, "the service is ready again")
        assert service.get("/orders/order-1").status == 200
        assert service.post("/orders", body_of("order-2")).status == 201
        assert "repository unavailable" in service.errors
        assert str(urlsplit(server.url).port) in service.errors


def _is_refused_at_once(service: Service) -> bool:
    asked = time.monotonic()
    refused = {service.get("/orders").status, service.post("/orders", body_of("order-2")).status} == {503}
    return refused and time.monotonic() - asked < AT_ONCE_SECONDS
