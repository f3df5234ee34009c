"""Suite: cursors of another history, which a restore, a promotion or another repository of the same kind makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from order_engine.contracts.coroutine_tests import as_test_of_several
from order_engine.contracts.expectations import ContractBroken, expect_equal
from order_engine.contracts.harness import RestorableHarness
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action
from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event
from order_engine.ports.repository import Cursor, ExactReader

LATER_SECONDS: Final = 5.0
"""What happens after a restore happens later."""


class RepositoryRestoring(RepositorySuite):
    """A position in a history that was left is an error, never a gap: also once the same number of events follow."""

    @as_test_of_several
    async def test_cursor_of_another_repository_is_an_error(self) -> None:
        """A cursor of one repository is refused by another one, however many events that one has."""
        async with self.open() as harness:
            await _populate(first := Trial(harness), "first")
            cursors = await _cursors(first, None)
        async with self.open() as harness:
            second = Trial(harness)
            await second.advance(LATER_SECONDS)
            await _populate(second, "second")
            await _populate(second, "third")
            await _check_refused(second, cursors)

    @scenario
    async def test_cursor_of_a_history_that_was_left_is_an_error(self, trial: Trial) -> None:
        """A cursor that saw what a restore has undone is refused, at once and when others have taken its place.

        Of repositories whose harness is a RestorableHarness.
        """
        if (harness := trial.restorable) is None:
            return
        _, before, cursors = await _go_back(trial, harness)
        await _check_refused(trial, cursors)
        for name in ("second", "third"):
            await _populate(trial, name)
            await _check_refused(trial, cursors)
        expect_equal((await trial.stream())[: len(before)], before, "the events of before the backup")

    @scenario
    async def test_cursor_of_before_a_backup_leads_on_or_is_an_error(self, trial: Trial) -> None:
        """A cursor of before the backup gives exactly the events of the history that goes on, or is refused.

        Of repositories whose harness is a RestorableHarness.
        """
        if (harness := trial.restorable) is None:
            return
        early, before, _ = await _go_back(trial, harness)
        await _populate(trial, "second")
        whole = await trial.stream()
        expect_equal(whole[: len(before)], before, "the events of before the backup")
        for seen, cursor in enumerate(early, len(before) - len(early) + 1):
            try:
                found, _ = await trial.follow(cursor, 2)
            except InvalidCursor:
                continue
            expect_equal(found, whole[seen:], f"the events after {cursor!r}, of which {seen} were seen")


async def _go_back(
    trial: Trial, harness: RestorableHarness
) -> tuple[Sequence[Cursor], Sequence[Event], Sequence[Cursor]]:
    """Return cursors and events of before a backup, and cursors of the history that its restore has left."""
    await _populate(trial, "before")
    before = await trial.stream()
    early = await _cursors(trial, None)
    await harness.back_up()
    await _populate(trial, "left")
    late = await _cursors(trial, early[-1])
    await harness.restore()
    await trial.advance(LATER_SECONDS)
    return early[: len(before)], before, late


async def _populate(trial: Trial, name: str) -> None:
    """Let orders be placed, one of them be completed."""
    leased = await trial.place_and_claim(f"{name}-1")
    await trial.place(f"{name}-2")
    await trial.report(leased, Action.COMPLETE)


async def _cursors(trial: Trial, after: Cursor | None) -> Sequence[Cursor]:
    """Return a cursor after each event, as pages of one give them, then other places of what has been seen."""
    found: list[Cursor] = []
    cursor = after
    while (page := await trial.repository.events(cursor, 1)).events:
        cursor = page.next
        found.append(cursor)
    whole = await trial.repository.events(after, 1_000)
    return [*found, *whole.cursors, whole.next, page.next, (await trial.repository.events(None, 0)).next]


async def _check_refused(trial: Trial, cursors: Sequence[Cursor]) -> None:
    for cursor in cursors:
        for limit in (0, 10):
            await _check_one_refused(trial, cursor, limit)
        if isinstance(trial.repository, ExactReader):
            await _check_one_refused(trial, None, 10, until=cursor)


async def _check_one_refused(trial: Trial, after: Cursor | None, limit: int, until: Cursor | None = None) -> None:
    try:
        page = await trial.event_page(after, limit, until)
    except InvalidCursor:
        return
    message = f"the cursor {after or until!r} of another history is an InvalidCursor; it was answered with {page}"
    raise ContractBroken(message)
