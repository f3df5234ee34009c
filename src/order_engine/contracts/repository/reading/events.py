"""Suite: the stream of all events, followed by cursors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from order_engine.contracts.expectations import ContractBroken, expect, expect_equal, expect_same_items
from order_engine.contracts.model.laws import StreamReader
from order_engine.contracts.repository.reading.population import LIVES, populate
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action
from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event
from order_engine.ports.repository import Cursor, ExactReader

FOREIGN_CURSORS = ("", "-1", "nonsense", "another-repository:1", "999999999999", "a:b:c", "\u0663", "MTIzNDU2")
"""Texts that no repository has given out at this place in its life."""
VISIBLE: Final = re.compile("[!-~]+")


class RepositoryEvents(RepositorySuite):
    """What `events` returns."""

    @scenario
    async def test_stream_has_every_event_once(self, trial: Trial) -> None:
        """With any size of page, following the cursors gives every event once, each order's in version order (P5)."""
        await populate(trial)
        for page in (1, 2, 7, 1_000):
            await _check_stream(trial, await trial.stream(page))

    @scenario
    async def test_stream_of_an_empty_repository(self, trial: Trial) -> None:
        """Before the first event a page is empty, and its cursor is a place to go on from."""
        page = await trial.repository.events(None, 10)
        expect_same_items(page.events, [], "the events of an empty repository")
        await trial.place("order-1")
        found, _ = await trial.follow(page.next, 10)
        expect_equal(found, await trial.history("order-1"), "what the cursor of an empty page leads to")

    @scenario
    async def test_page_of_nothing_repeats_its_place(self, trial: Trial) -> None:
        """With a limit of 0, and at the end, a page is empty and its cursor leads to what the given one leads to."""
        for number in range(3):
            await trial.place(f"order-{number}")
        first = await trial.repository.events(None, 1)
        nothing = await trial.repository.events(first.next, 0)
        expect_same_items(nothing.events, [], "the events of a page of none")
        rest = (await trial.follow(first.next, 10))[0]
        expect_equal((await trial.follow(nothing.next, 10))[0], rest, "what follows a page of none")
        _, end = await trial.follow(None, 10)
        at_end = await trial.repository.events(end, 10)
        await trial.place("order-3")
        found = (await trial.follow(at_end.next, 10))[0]
        expect_equal(found, await trial.history("order-3"), "what follows an empty page at the end")

    @scenario
    async def test_stream_goes_on_while_orders_change(self, trial: Trial) -> None:
        """A reader that stops in between and goes on from its cursor misses nothing and gets nothing twice."""
        reader = StreamReader()
        cursor: Cursor | None = None
        for number in range(6):
            leased = await trial.place_and_claim(f"order-{number}")
            await trial.advance(-5 if number % 2 else 3)
            page = await trial.repository.events(cursor, 2)
            reader.read(page.events)
            cursor = page.next
            await trial.report(leased, Action.COMPLETE)
        found, cursor = await trial.follow(cursor, 2)
        reader.read(found)
        for number in range(6):
            name = f"order-{number}"
            expect_equal(reader.histories()[name], await trial.history(name), f"the events of {name!r} in the stream")

    @scenario
    async def test_same_cursor_again_gives_the_same(self, trial: Trial) -> None:
        """A page that was lost on its way is asked for again from the same cursor, and begins with the same events."""
        await populate(trial)
        first = await trial.repository.events(None, 5)
        page = await trial.repository.events(first.next, 5)
        await trial.place("one-more")
        again = await trial.repository.events(first.next, 5)
        expect_same_items(again.events, page.events, "the events after the same cursor")

    @scenario
    async def test_present_end(self, trial: Trial) -> None:
        """With a limit of 0 and no cursor the answer is the present end: what follows it is what happens later."""
        await populate(trial)
        end = await trial.repository.events(None, 0)
        expect_same_items(end.events, [], "the events of a page of none")
        expect_same_items((await trial.follow(end.next, 10))[0], [], "the events after the present end")
        await trial.place("one-more")
        found, _ = await trial.follow(end.next, 10)
        expect_equal(found, await trial.history("one-more"), "the events after the end as it was")

    @scenario
    async def test_every_event_has_its_cursor(self, trial: Trial) -> None:
        """From the cursor of any event in a page a reader goes on behind it: nothing is lost or repeated.

        Of repositories that are an ExactReader.
        """
        if not isinstance(trial.repository, ExactReader):
            return
        await populate(trial)
        whole = await trial.stream()
        for size in (1, 3, 1_000):
            before: list[Event] = []
            page = await trial.repository.events(None, size)
            while page.events:
                expect_equal(len(page.cursors), len(page.events), "the number of cursors of a page")
                for event, cursor in zip(page.events, page.cursors, strict=True):
                    expect(VISIBLE.fullmatch(cursor) is not None, f"a cursor is visible ASCII, not {cursor!r}")
                    before.append(event)
                    rest, _ = await trial.follow(cursor, 2)
                    expect_equal([*before, *rest], whole, f"what was read up to {event}, and what follows its cursor")
                page = await trial.repository.events(page.next, size)

    @scenario
    async def test_reading_until_an_end(self, trial: Trial) -> None:
        """A reader with `until` stops at that end, wherever it began, and goes on from there like everybody else.

        Of repositories that are an ExactReader.
        """
        if not isinstance(trial.repository, ExactReader):
            return
        await populate(trial)
        told = await trial.stream()
        first = await trial.repository.events(None, 3)
        end = (await trial.repository.events(None, 0)).next
        await trial.place("later")
        for beginning, seen in ((None, 0), (first.cursors[0], 1), (first.next, 3), (end, len(told))):
            for size in (1, 2, 1_000):
                found, cursor = await trial.follow(beginning, size, until=end)
                expect_same_items(found, told[seen:], "the events up to an end")
                rest, _ = await trial.follow(cursor, size)
                expect_same_items(rest, await trial.history("later"), "the events after that end")

    @scenario
    async def test_empty_page_repeats_its_place(self, trial: Trial) -> None:
        """An empty page, at the end or because none were asked for, leaves the reader where it was."""
        await trial.place("order-1")
        page = await trial.repository.events(None, 1)
        nothing = await trial.repository.events(page.next, 0)
        expect_same_items(nothing.events, [], "the events of a page of none")
        at_end = await trial.repository.events(nothing.next, 10)
        expect_same_items(at_end.events, [], "the events at the end")
        await trial.place("order-2")
        for cursor in (page.next, nothing.next, at_end.next):
            found, _ = await trial.follow(cursor, 10)
            expect_equal(found, await trial.history("order-2"), "the events after an empty page's cursor")

    @scenario
    async def test_refusals_and_renewals_are_no_events(self, trial: Trial) -> None:
        """What changes nothing, and a renewal, adds no event."""
        leased = await trial.place_and_claim("order-1")
        end = (await trial.repository.events(None, 0)).next
        await trial.renew(leased)
        await trial.add(placement("order-1"), placement("order-1", user_id="user-2"))
        await trial.ask("order-1", Action.REDRIVE)
        await trial.report(leased, Action.COMPLETE, token=leased.token + 1)
        await trial.claim()
        expect_same_items((await trial.follow(end, 10))[0], [], "the events of what changed nothing")

    @scenario
    async def test_foreign_cursor_is_an_error(self, trial: Trial) -> None:
        """A cursor that this repository did not make raises InvalidCursor, never a gap or a fresh start."""
        await populate(trial)
        for text in FOREIGN_CURSORS:
            for limit in (0, 10):
                await _check_refused(trial, Cursor(text), limit)
            if isinstance(trial.repository, ExactReader):
                await _check_refused(trial, None, 10, until=Cursor(text))


async def _check_refused(trial: Trial, after: Cursor | None, limit: int, until: Cursor | None = None) -> None:
    try:
        page = await trial.event_page(after, limit, until)
    except InvalidCursor:
        return
    message = f"the foreign cursor {after or until!r} is an InvalidCursor; it was answered with {page}"
    raise ContractBroken(message)


async def _check_stream(trial: Trial, events: Sequence[Event]) -> None:
    reader = StreamReader()
    reader.read(events)
    told = {name: await trial.history(name) for name in LIVES}
    expect_equal(reader.histories(), told, "the events of each order in the stream, compared with the histories")
