"""Opening an engine by its URL: the parts that may be overridden, and lifetimes that end in reverse order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from dependency_injector import providers

from order_engine import InvalidSetting, NewOrder, NotRunning, Order, OrderEngine, Status, Unavailable
from order_engine.ports.adapters import QueueOpener, RepositoryOpener
from order_engine.ports.clock import Clock
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository
from order_engine_adapters import Container, Settings, open_engine
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryQueue, MemoryRepository
from order_engine_adapters.wiring.container import FALLBACK_QUEUE, queue_url
from order_engine_adapters.wiring.opening import open_with
from tests.unit.application.bench import Facts, Work, chance

ORDER = NewOrder(order_id="order1", user_id="user1", item_ids=["item1"], total_amount="50.00")


class Lifetimes:
    """Openers that write down when what they open begins and ends, and that can fail."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.story: list[str] = []
        self.urls: list[str] = []
        self.fails_to_open = ""
        self.fails_to_close = ""

    @asynccontextmanager
    async def _runtime(self, name: str, url: str) -> AsyncIterator[None]:
        self.urls.append(url)
        if name == self.fails_to_open:
            raise Unavailable(name)
        self.story.append(f"{name} opens")
        try:
            yield
        finally:
            self.story.append(f"{name} closes")
            if name == self.fails_to_close:
                raise OSError(name)

    @asynccontextmanager
    async def repository(self, url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
        """Open a repository."""
        async with self._runtime("repository", url):
            yield MemoryRepository(clock)

    @asynccontextmanager
    async def queue(self, url: str, *, clock: Clock) -> AsyncIterator[OrderQueue]:
        """Open a queue."""
        del clock
        async with self._runtime("queue", url):
            yield MemoryQueue()

    def container(self) -> Container:
        """Return a container that opens these."""
        container = Container()
        repository: RepositoryOpener = self.repository
        queue: QueueOpener = self.queue
        container.repository_opener.override(providers.Object(repository))
        container.queue_opener.override(providers.Object(queue))
        return container


async def test_an_engine_opened_by_its_url_works() -> None:
    """The example of the front page."""
    seen: list[str] = []

    async def fulfil(order: Order) -> None:
        seen.append(order.order_id)

    async with open_engine("memory://", processor=fulfil) as engine:
        await engine.place(ORDER)
        assert (await engine.wait_for("order1", seconds=20)).status is Status.COMPLETED
    assert seen == ["order1"]
    with pytest.raises(NotRunning):
        await engine.get("order1")


async def test_an_engine_opened_with_settings_comes_with_its_repository() -> None:
    """Both are those that were opened, and end with the context."""
    lifetimes = Lifetimes()
    settings = Settings.given(database_url="memory://?capacity=7", page_limit=7)
    async with open_with(settings, processor=None, container=lifetimes.container()) as opened:
        await opened.engine.place(ORDER)
        assert list(await opened.repository.get(["order1"])) == ["order1"]
        with pytest.raises(Exception, match="1 and 7"):
            await opened.engine.list(limit=8)
    assert lifetimes.urls[0] == "memory://?capacity=7"
    assert lifetimes.story[-1] == "repository closes"


async def test_without_a_processor_orders_are_only_taken() -> None:
    """`processor=None` is an engine that leaves the work to others."""
    async with open_engine("memory://", processor=None) as engine:
        await engine.place(ORDER)
        assert await engine.status("order1") is Status.PENDING


async def test_settings_are_given_by_name_and_reach_the_engine() -> None:
    """A wrong one is an error before anything is opened."""
    async with open_engine("memory://", processor=None, page_limit=7) as engine:
        with pytest.raises(Exception, match="1 and 7"):
            await engine.list(limit=8)
    lifetimes = Lifetimes()
    wrong: Any
    for wrong in [{"concurency": 7}, {"concurrency": 0}]:
        with pytest.raises(InvalidSetting):
            async with open_engine("memory://", processor=None, container=lifetimes.container(), **wrong):
                pass
    assert lifetimes.story == []


async def test_the_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program wrote down is what it gets."""
    monkeypatch.setenv("ORDER_ENGINE_PAGE_LIMIT", "7")
    monkeypatch.setenv("ORDER_ENGINE_NONSENSE", "7")
    async with open_engine("memory://", processor=None) as engine:
        assert len(await engine.list(limit=1000)) == 0


async def test_an_unknown_url_is_an_error() -> None:
    """Nothing is opened."""
    with pytest.raises(InvalidSetting, match="nowhere"):
        async with open_engine("nowhere://", processor=None):
            pass


async def test_every_part_may_be_overridden() -> None:
    """Clock, chance, observer and openers of a container of one's own are those of the engine."""
    lifetimes, clock, facts = Lifetimes(), ManualClock(), Facts()
    container = lifetimes.container()
    container.clock.override(providers.Object(clock))
    container.observer.override(providers.Object(facts))
    container.random.override(providers.Object(chance(1)))
    async with open_engine("memory://", processor=Work(), container=container) as engine:
        placed = await engine.place(NewOrder(user_id="user1", item_ids=["item1"], total_amount="50.00"))
        assert placed.order.created_at == clock.now()
        await clock.advance(1)
        assert await engine.status(placed.order.order_id) is Status.COMPLETED
    assert facts.told


async def test_lifetimes_end_in_reverse_order() -> None:
    """The engine has drained when the queue is closed, and the repository is closed last."""
    lifetimes = Lifetimes()
    async with open_engine("memory://", processor=None, container=lifetimes.container()):
        assert lifetimes.story == ["repository opens", "queue opens"]
    assert lifetimes.story == ["repository opens", "queue opens", "queue closes", "repository closes"]


@pytest.mark.parametrize(
    ("failing", "story"),
    [
        ("repository", []),
        ("queue", ["repository opens", "repository closes"]),
        ("engine", ["repository opens", "queue opens", "queue closes", "repository closes"]),
    ],
)
async def test_what_was_opened_is_closed_where_a_later_part_fails(failing: str, story: list[str]) -> None:
    """The error comes out as it is, and nothing stays open."""
    lifetimes = Lifetimes()
    lifetimes.fails_to_open = failing
    container = lifetimes.container()
    if failing == "engine":
        container.engine.override(providers.Callable(_fail))
    with pytest.raises(Unavailable, match=failing):
        async with open_engine("memory://", processor=None, container=container):
            pass
    assert lifetimes.story == story


async def test_an_error_at_the_end_leaves_nothing_open() -> None:
    """A queue that fails to close does not keep the repository from being closed; a body's error does not either."""
    lifetimes = Lifetimes()
    lifetimes.fails_to_close = "queue"
    with pytest.raises(OSError, match="queue"):
        async with open_engine("memory://", processor=None, container=lifetimes.container()):
            pass
    assert lifetimes.story[-1] == "repository closes"

    async def body() -> None:
        async with open_engine("memory://", processor=None, container=lifetimes.container()):
            raise LookupError

    lifetimes = Lifetimes()
    with pytest.raises(LookupError):
        await body()
    assert lifetimes.story == ["repository opens", "queue opens", "queue closes", "repository closes"]


async def test_the_urls_are_those_of_the_settings() -> None:
    """The queue is the repository's own where it brings one, else one in memory, else the one that was set."""
    lifetimes = Lifetimes()
    async with open_engine("memory://?capacity=7", processor=None, container=lifetimes.container()):
        pass
    async with open_engine(
        "memory://", processor=None, container=lifetimes.container(), queue_url="memory://?capacity=9"
    ):
        pass
    assert lifetimes.urls == ["memory://?capacity=7", "memory://?capacity=7", "memory://", "memory://?capacity=9"]
    assert queue_url(Settings.given(database_url="nowhere://x")) == FALLBACK_QUEUE


class TimeLimitedOpeners(Lifetimes):
    """Openers that take the time limit of a request, if they are asked to."""

    def __init__(self) -> None:
        """Know no limit yet."""
        super().__init__()
        self.limits: list[float] = []

    def container(self) -> Container:
        """Return a container that opens these."""
        container = super().container()
        container.repository_opener.override(providers.Object(TimeLimitedOpener(self.repository, self.limits)))
        container.queue_opener.override(providers.Object(TimeLimitedOpener(self.queue, self.limits)))
        return container


class TimeLimitedOpener:
    """An opener that writes down which limit it was given."""

    def __init__(self, opener: Callable[..., object], limits: list[float]) -> None:
        """Open as `opener` does."""
        self._opener = opener
        self._limits = limits

    def __call__(self, url: str, *, clock: Clock) -> object:
        """Open."""
        return self._opener(url, clock=clock)

    def within(self, request_seconds: float) -> TimeLimitedOpener:
        """Take the limit."""
        self._limits.append(request_seconds)
        return self


async def test_drivers_get_the_time_limit_of_a_request() -> None:
    """That of the settings, for the repository and for the queue; a plain opener is opened as ever."""
    openers = TimeLimitedOpeners()
    async with open_engine("memory://", processor=None, container=openers.container(), request_seconds=3):
        pass
    assert openers.limits == [3, 3]
    assert openers.story[:2] == ["repository opens", "queue opens"]


async def test_two_engines_share_nothing() -> None:
    """Each call makes a container, a repository and a queue of its own."""
    async with (
        open_engine("memory://", processor=None) as first,
        open_engine("memory://", processor=None) as second,
    ):
        await first.place(ORDER)
        assert (await first.metrics()).total_orders == 1
        assert (await second.metrics()).total_orders == 0


@pytest.mark.parametrize(
    "url",
    [
        "memory://host",
        "memory:///path",
        "memory://?capacity=0",
        "memory://?capacity=many",
        "memory://?speed=7",
        "memory://[x",
    ],
)
async def test_a_memory_url_that_makes_no_sense_is_an_error(url: str) -> None:
    """It says how to write one."""
    with pytest.raises(InvalidSetting, match="memory"):
        async with open_engine(url, processor=None):
            pass


async def test_a_memory_repository_keeps_to_its_capacity() -> None:
    """The capacity in the URL is that of the repository (P6)."""
    async with open_engine("memory://?capacity=1", processor=None) as engine:
        await engine.place(ORDER)
        with pytest.raises(Exception, match="limit of orders"):
            await engine.place(NewOrder(user_id="user1", item_ids=["item1"], total_amount="1"))


def _fail(**_: object) -> OrderEngine:
    message = "engine"
    raise Unavailable(message)
