"""Rate limits per client, and the error when they are exceeded."""

from __future__ import annotations

import pytest

from order_engine_adapters.http import Access, AccessScope, Rates
from tests.unit.http.client import NDJSON_BODY, Client
from tests.unit.http.rings import Ring
from tests.unit.http.serving import serving, text

READ, WRITE, METRICS, ADMIN = AccessScope


class Turned:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1_000_000.3

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(("per_second", "burst"), [(0.1, 1), (1, 1), (2.5, 2), (3, 3), (50, 50), (1000, 1000)])
def test_a_bucket_holds_a_second_and_one_request_at_least(per_second: float, burst: int) -> None:
    """A client that was silent may send so many at once, and not one more."""
    rates = Rates(per_second, Turned())
    assert [rates.wait_of("a") for _ in range(burst)] == [0.0] * burst
    assert rates.wait_of("a") > 0


def test_the_wait_is_how_long_it_takes() -> None:
    """Just before it is over, nothing; then one request and no second one."""
    clock = Turned()
    rates = Rates(4, clock)
    while not (wait := rates.wait_of("a")):
        pass
    assert wait == pytest.approx(0.25)
    clock.now += 0.24
    assert rates.wait_of("a") == pytest.approx(0.01)
    clock.now += 0.02
    assert rates.wait_of("a") == 0
    assert rates.wait_of("a") > 0


def test_who_goes_on_asking_is_not_kept_out_for_longer() -> None:
    """A request that was refused takes nothing out of the bucket."""
    clock = Turned()
    rates = Rates(1, clock)
    assert [rates.wait_of("a") > 0 for _ in range(1000)] == [False] + [True] * 999
    clock.now += 1.001
    assert rates.wait_of("a") == 0


def test_over_a_long_time_the_rate_is_kept() -> None:
    """However the requests come, no more than the burst and the rate are let through."""
    clock = Turned()
    rates = Rates(10, clock)
    let_through = 0
    for _ in range(6000):
        clock.now += 0.01
        let_through += rates.wait_of("a") == 0
    assert 600 <= let_through <= 610


def test_clients_have_buckets_of_their_own() -> None:
    """One that sends too much is no harm to others."""
    rates = Rates(1, Turned())
    assert [rates.wait_of(each) == 0 for each in ("a", "b", "a", "c")] == [True, True, False, True]


def test_memory_is_bounded() -> None:
    """The least recently seen clients are evicted; active clients stay."""
    rates = Rates(1, Turned(), most_clients=3)
    for each in ("b", "c", "noisy"):
        assert rates.wait_of(each) == 0
    for number in range(1000):
        assert rates.wait_of(f"passing {number}") == 0
        assert rates.wait_of("noisy") > 0
    assert rates.clients == 3


async def test_too_many_requests_are_told_when_to_come_again() -> None:
    """429 with Retry-After, in whole seconds; other addresses are answered."""
    clock = Turned()
    async with serving(access=Access(rates=Rates(2, clock))) as service:
        statuses = [(await service.client.get("/orders")).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = await service.client.get("/orders")
        assert (refused.code, refused.header("retry-after")) == ("too_many_requests", "1")
        assert (await Client(service.app, address="127.0.0.2").get("/orders")).status == 200
        clock.now += 1
        assert (await service.client.get("/orders")).status == 200


async def test_who_watches_the_service_is_always_answered() -> None:
    """A probe that got a 429 would have the service restarted."""
    async with serving(access=Access(rates=Rates(0.001, Turned()))) as service:
        for path in ("/livez", "/readyz"):
            assert [(await service.client.get(path)).status for _ in range(5)] == [200] * 5


async def test_a_batch_is_one_request() -> None:
    """What bounds its orders is the engine, which takes them more slowly."""
    async with serving(access=Access(rates=Rates(1, Turned()))) as service:
        body = b"\n".join(text(f"order{number}") for number in range(20))
        response = await service.client.send("POST", "/orders/batch", NDJSON_BODY, body)
        assert [line["code"] for line in response.lines()[:-1]] == [201] * 20
        assert (await service.client.send("POST", "/orders/batch", NDJSON_BODY, body)).status == 429


async def test_a_key_has_a_rate_of_its_own() -> None:
    """Whatever the address; keys that are not valid count for the address, so that guessing is slow."""
    ring = Ring()
    async with serving(access=Access(keys=ring.ring, rates=Rates(1, Turned()))) as service:
        for scope, statuses in [(READ, [200, 429]), (ADMIN, [200, 429])]:
            assert [(await service.client.get("/orders", ring.showing(scope))).status for _ in range(2)] == statuses
        guesses = [(await service.client.get("/orders", ("authorization", f"Bearer {n}"))).status for n in range(3)]
        assert guesses == [401, 429, 429]
        assert (await service.client.get("/docs")).status == 429
        elsewhere = Client(service.app, address="127.0.0.2")
        assert (await elsewhere.get("/orders", ring.showing(READ))).status == 429


async def test_a_network_of_ipv6_is_one_client() -> None:
    """A /64 is what one customer gets: with a bucket for each address there would be no limit."""
    async with serving(access=Access(rates=Rates(1, Turned()))) as service:
        addresses = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"]
        statuses = [(await Client(service.app, address=each).get("/orders")).status for each in addresses]
        assert statuses == [200, 429, 200, 200, 200]
