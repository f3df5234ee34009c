"""What every proxy is in front of: the service answers through each of them as without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.integration.inspection import body_of
from tests.integration.proxies.kinds import KINDS
from tests.integration.proxies.proxy import Proxy, running_proxy
from tests.integration.service import Service, ask, serving

every_proxy = pytest.mark.parametrize("kind", list(KINDS))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service that only takes orders."""
    with serving(tmp_path_factory.mktemp("behind proxies"), "--processor", "none") as service:
        yield service


@every_proxy
def test_an_order_is_placed_and_read_through_a_proxy(service: Service, kind: str) -> None:
    """With the shortest configuration that each of them takes."""
    with running_proxy(KINDS[kind], service.address) as proxy:
        placed = ask(proxy.address, "POST", "/orders", body_of(f"by-{kind}"))
        assert placed.status == 201
        read = ask(proxy.address, "GET", f"/orders/by-{kind}")
        assert (read.status, read.json()["order_id"]) == (200, f"by-{kind}")
        assert read.json() == service.get(f"/orders/by-{kind}").json()


@every_proxy
def test_a_proxy_leaves_no_process_behind(service: Service, kind: str) -> None:
    """Neither a worker nor a port that is still listened at."""
    with running_proxy(KINDS[kind], service.address) as proxy:
        address = proxy.address
    with pytest.raises(ConnectionRefusedError):
        ask(address, "GET", "/livez")
    assert not [line for line in _command_lines() if str(proxy.folder).encode() in line]


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


def test_a_missing_program_fails_only_where_ci_is_set(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anywhere else it is skipped."""
    monkeypatch.setattr("tests.integration.proxies.proxy.PLACES", os.devnull)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install the package caddy"), _missing(service):
        pass
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="install the package caddy"), _missing(service):
        pass


def _missing(service: Service) -> AbstractContextManager[Proxy]:
    return running_proxy(KINDS["Caddy"], service.address)
