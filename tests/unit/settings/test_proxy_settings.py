"""The settings of a service behind proxies: its path, and whom it believes."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest
from click.testing import CliRunner

from order_engine import InvalidSetting
from order_engine_adapters import Settings
from order_engine_adapters.cli.program import program
from order_engine_adapters.settings.validators import networks_in


@pytest.mark.parametrize(
    ("given", "root_path"),
    [("/shop/api", "/shop/api"), ("/shop/api/", "/shop/api"), ("/", ""), ("", None), ("/caf%C3%A9", "/caf\u00e9"),
     ("/a-b_c.d~e/v1:x@y", "/a-b_c.d~e/v1:x@y"), ("/orders", "/orders")],
)  # fmt: skip
def test_a_root_path_is_a_path(given: str, root_path: str | None) -> None:
    """Decoded and without a slash at its end, as ASGI has it."""
    assert Settings.given(root_path=given).root_path == root_path


@pytest.mark.parametrize(
    "given",
    ["shop", "//shop.example", "/a//b", "/../b", "/a/.", "https://shop.example/a", "/a?b", "/a#b", "/a b", "/a\\b",
     "/a\n", "/%2Fshop.example", "/%ff", '/a;b"', "/" + "a" * 1000],
)  # fmt: skip
def test_anything_else_is_no_root_path(given: str) -> None:
    """It would make links that lead elsewhere; the sentence says what it has to be."""
    with pytest.raises(InvalidSetting, match="root_path must"):
        Settings.given(root_path=given)


@pytest.mark.parametrize(
    ("given", "networks"),
    [("127.0.0.1", ["127.0.0.1/32"]), ("10.0.0.0/8, ::1,fd00::/8", ["10.0.0.0/8", "::1/128", "fd00::/8"])],
)
def test_proxies_are_addresses_and_networks(given: str, networks: list[str]) -> None:
    """One or several."""
    assert networks_in(Settings.given(trusted_proxies=given).trusted_proxies or "") == [*map(ip_network, networks)]


def test_by_default_nobody_is_believed() -> None:
    """Nor with an empty variable."""
    assert Settings.given().trusted_proxies is None
    assert Settings.given(trusted_proxies="").trusted_proxies is None


@pytest.mark.parametrize("given", ["*", "proxy.example", "10.0.0.0/33", "10.0.0.1,", ",", "1", "10.0.0", "::1%eth0/x"])
def test_anything_else_is_no_proxy(given: str) -> None:
    """A name may lead to another address tomorrow, and everybody is nobody."""
    with pytest.raises(InvalidSetting, match="list addresses and networks such as"):
        Settings.given(trusted_proxies=given)


def test_a_network_with_an_address_in_it_is_put_right() -> None:
    """It may be meant as the one or the other."""
    with pytest.raises(InvalidSetting, match=r"did you mean 10\.0\.0\.0/8\?"):
        Settings.given(trusted_proxies="10.1.2.3/8")


def test_the_document_of_a_service_under_a_path_begins_there() -> None:
    """`order-engine openapi` writes what the service would serve."""
    done = CliRunner().invoke(program, ["openapi", "--root-path", "/shop/api"], prog_name="order-engine")
    assert [server["url"] for server in json.loads(done.stdout)["servers"]] == ["/shop/api"]
