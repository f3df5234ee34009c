"""Hosts of a URL: their ports, their order and their time, as libpq has them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from order_engine.domain.errors import InvalidSetting
from order_engine_adapters.postgres.connection.hosts import Host, HostAttempt, host_attempts, hosts_of
from order_engine_adapters.postgres.connection.target import parse

SECRET = "hunter2"  # noqa: S105 - what must not be shown


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove all PostgreSQL settings of the machine."""
    for name in ("PGHOST", "PGPORT", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://a/shop", [("a", 5432)]),
        ("postgresql://me:x@a:1,b:2,c/shop", [("a", 1), ("b", 2), ("c", 5432)]),
        ("postgresql://a,b/shop?port=6000", [("a", 6000), ("b", 6000)]),
        ("postgresql://a,b/shop?port=6000,6001", [("a", 6000), ("b", 6001)]),
        ("postgresql:///shop?host=a,b&port=6000,", [("a", 6000), ("b", 5432)]),
        ("postgresql://[::1]:6000,[fe80::1]/shop", [("::1", 6000), ("fe80::1", 5432)]),
        ("postgresql://%2Frun%2Fpostgresql/shop", [("/run/postgresql", 5432)]),
        ("postgresql:///shop?host=/run/postgresql&port=6000", [("/run/postgresql", 6000)]),
        ("postgresql:///shop", [(None, None)]),
    ],
)
def test_hosts_of_a_url(url: str, hosts: list[tuple[str | None, int | None]]) -> None:
    """Hosts and ports are those that libpq reads: a port for each, or one for all."""
    assert hosts_of(url) == hosts


def test_hosts_of_the_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A URL without hosts takes those of its service file, else those of the environment."""
    monkeypatch.setenv("PGHOST", "e,f")
    monkeypatch.setenv("PGPORT", "7000")
    assert hosts_of("postgresql:///shop") == [("e", 7000), ("f", 7000)]
    (tmp_path / "services").write_text("[mine]\nhost=s,t\nport=8000,8001\nconnect_timeout=3\n", encoding="ascii")
    url = "postgresql:///shop?service=mine"
    assert hosts_of(url) == [("s", 8000), ("t", 8001)]
    assert parse(url).connect_timeout == 3
    assert hosts_of("postgresql://a/shop?service=mine&port=1") == [("a", 1)]
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    assert parse("postgresql:///shop").connect_timeout == 7


@pytest.mark.parametrize(
    "query",
    ["port=1,2", "port=0", "port=65536", "port=x", "connect_timeout=1.5", "connect_timeout=x", "connect_timeout=99999",
     "load_balance_hosts=on"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(query: str) -> None:
    """A wrong port, a wrong number of ports, a wrong timeout and a wrong order are refused when the URL is read."""
    with pytest.raises(InvalidSetting):
        parse(f"postgresql://a,b,c/shop?{query}")


@pytest.mark.parametrize("hosts", ["a,,b", "a,", f"me:{SECRET},b", f"me:{SECRET}@a:b,c"])
def test_hosts_that_make_no_sense_are_refused(hosts: str) -> None:
    """An empty host or a wrong port is refused without repeating what may be a password."""
    with pytest.raises(InvalidSetting) as caught:
        parse(f"postgresql://{hosts}/shop")
    assert SECRET not in str(caught.value)


def test_order() -> None:
    """Hosts are tried as they are listed, or in any order; for `prefer-standby` twice."""
    url = "postgresql://a,b,c,d/shop?load_balance_hosts=random&target_session_attrs=read-write"
    target = parse(url)
    assert target.is_any_order
    assert "load_balance" not in target.url
    listed = [Host(name, 5432) for name in "abcd"]
    assert host_attempts(target.url, None) == [HostAttempt(host, None) for host in listed]
    seen = {tuple(each.host for each in host_attempts(target.url, Random(seed))) for seed in range(50)}  # noqa: S311
    assert len(seen) > 10
    assert all(sorted(hosts) == sorted(listed) for hosts in seen)
    standby = host_attempts("postgresql://a,b/shop?target_session_attrs=prefer-standby", None)
    assert [(each.host.name, each.session_attributes) for each in standby] == [
        ("a", "standby"), ("b", "standby"), ("a", "any"), ("b", "any"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), [("3", 3), ("1", 1), ("0", None), ("-1", None)])
def test_connect_timeout(text: str, seconds: int | None) -> None:
    """The timeout is that of each host, in whole seconds; none or less means what it means without it."""
    target = parse(f"postgresql://a,b/shop?connect_timeout={text}")
    assert target.connect_timeout == seconds
    assert "connect_timeout" not in target.url
