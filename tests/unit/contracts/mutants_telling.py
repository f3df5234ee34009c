"""Mutants of the memory repository that tell their orders, histories, streams and counts wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from order_engine.contracts.samples import WHOLE_HISTORY
from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import MICROSECOND, Statistics
from order_engine.domain.order import Order, Status
from order_engine.ports.clock import Clock
from order_engine.ports.repository import Cursor, EventPage, OrderPage, OrderQuery, PageKey
from order_engine_adapters.memory import MemoryRepository
from tests.unit.contracts.mutant import mutant


@mutant("test_histories_keep_the_laws", "test_retry", "test_table_retry")
class RetryIsNotTold(MemoryRepository):
    """A retry changes the order and writes no event."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        super()._commit(before, after, *(event for event in events if event.type is not EventType.RETRIED))


@mutant("test_histories_keep_the_laws", "test_table_cancel")
class EventTellsAnotherStatus(MemoryRepository):
    """The event of a cancel request says that the order is Cancelled already."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        marked = EventType.CANCEL_REQUESTED
        wrong = [event._replace(status=Status.CANCELLED) if event.type is marked else event for event in events]
        super()._commit(before, after, *wrong)


@mutant("test_histories_keep_the_laws", "test_table_claim", "test_spent_deliveries_end_as_failed")
class EventTellsThePreviousVersion(MemoryRepository):
    """The event of a failure carries the version before it."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        failed = EventType.FAILED
        wrong = [event._replace(version=event.version - 1) if event.type is failed else event for event in events]
        super()._commit(before, after, *wrong)


@mutant("test_completion", "test_failure", "test_release", "test_reports_on_a_marked_order")
class ReportIsToldWithoutItsToken(MemoryRepository):
    """The events of reports do not say under which token they were made."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        claimed = EventType.CLAIMED
        wrong = [event if event.type is claimed else event._replace(token=None) for event in events]
        super()._commit(before, after, *wrong)


@mutant("test_history_is_paged_by_version")
class HistoryRepeatsTheVersionNamed(MemoryRepository):
    """`after` is taken for "from"."""

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Begin one too early."""
        return await super().history(order_id, max(after - 1, 0), limit)


@mutant("test_history_is_append_only", "test_redrive_begins_a_new_round", "test_table_redrive")
class RedriveBeginsANewHistory(MemoryRepository):
    """A redrive drops the events of the round before."""

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Begin at the last redrive."""
        whole = self._history.of(order_id, 0, WHOLE_HISTORY)
        redriven = [event.version for event in whole if event.type is EventType.REDRIVEN]
        return await super().history(order_id, max(after, redriven[-1] - 1 if redriven else 0), limit)


@mutant("test_stream_has_every_event_once", "test_stream_goes_on_while_orders_change")
class StreamSkips(MemoryRepository):
    """The cursor after a full page points one event too far."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Swallow one."""
        page = super()._event_page(after, limit, until)
        if limit == 0 or len(page.events) < limit:
            return page
        return EventPage(page.events, super()._event_page(page.next, 1, None).next, page.cursors)


@mutant("test_stream_has_every_event_once", "test_stream_goes_on_while_orders_change")
class StreamRepeats(MemoryRepository):
    """The cursor after a page of several points at its last event, not after it."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Take one step less."""
        page = super()._event_page(after, limit, until)
        if len(page.events) <= 1:
            return page
        return EventPage(page.events, page.cursors[-2], page.cursors)


@mutant("test_stream_has_every_event_once")
class StreamRunsBackwardsWithinAPage(MemoryRepository):
    """A page tells its newest event first."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Turn the page round."""
        page = super()._event_page(after, limit, until)
        return EventPage(page.events[::-1], page.next, page.cursors)


@mutant("test_present_end", beyond_the_machine="it follows the stream from the first event")
class EndIsTheBeginning(MemoryRepository):
    """Whoever asks for the present end is sent to the first event."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Begin at the beginning."""
        if after is None and limit == 0:
            return EventPage((), Cursor(f"{self._name}:0:"), ())
        return super()._event_page(after, limit, until)


@mutant("test_every_event_has_its_cursor", beyond_the_machine="it goes on from whole pages")
class CursorsOfThePage(MemoryRepository):
    """Every event of a page has the cursor after the page."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Give each the last one."""
        page = super()._event_page(after, limit, until)
        return EventPage(page.events, page.next, [page.next] * len(page.events))


@mutant("test_reading_until_an_end", beyond_the_machine="it reads on to the present end")
class ReadsOverTheEnd(MemoryRepository):
    """The end that a reader asked for is passed over once there is more."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Look only whether it is an end at all."""
        super()._event_page(until, 0, None)
        return super()._event_page(after, limit, None)


@mutant("test_foreign_cursor_is_an_error", beyond_the_machine="it gives only cursors that it got")
class ForeignCursorBeginsAnew(MemoryRepository):
    """A cursor that cannot be read is taken for none."""

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        """Begin at the beginning."""
        try:
            return super()._event_page(after, limit, until)
        except InvalidCursor:
            return super()._event_page(None, limit, until)


@mutant("test_cursor_of_a_history_that_was_left_is_an_error", beyond_the_machine="it never goes back")
class CursorIsAPositionAlone(MemoryRepository):
    """A cursor holds its place in the log, which after a restore is that of another event."""

    def _cursor(self, place: int, _: Event | None) -> Cursor:
        """Leave the event out."""
        return super()._cursor(place, None)


@mutant("test_cursor_of_another_repository_is_an_error", beyond_the_machine="it has one repository")
class CursorNamesNoRepository(CursorIsAPositionAlone):
    """Cursors of one repository are taken by every other."""

    def __init__(self, clock: Clock) -> None:
        """Be called as all others are."""
        super().__init__(clock)
        self._name = "memory"


@mutant("test_ties_are_ordered_by_id", "test_pages_are_full_and_the_last_has_no_next")
class ListSkipsTies(MemoryRepository):
    """A page goes on after the time of the last order, and leaves out others of that moment."""

    async def list(self, query: OrderQuery) -> OrderPage:
        """Compare times only."""
        if query.after is None:
            return await super().list(query)
        return await super().list(replace(query, after=PageKey(query.after.created_at, "")))


@mutant("test_ties_are_ordered_by_id", "test_paging_is_stable_while_orders_come_in")
class ListRepeatsTheLast(MemoryRepository):
    """A page begins with the last order of the page before."""

    async def list(self, query: OrderQuery) -> OrderPage:
        """Include the key."""
        if query.after is None:
            return await super().list(query)
        return await super().list(replace(query, after=PageKey(query.after.created_at, f"{query.after.order_id}\0")))


@mutant("test_list_by_status_and_user")
class ListForgetsItsFilter(MemoryRepository):
    """The filter by status holds for the first page only."""

    async def list(self, query: OrderQuery) -> OrderPage:
        """Drop the filter."""
        return await super().list(query if query.after is None else replace(query, status=None))


@mutant("test_list_is_newest_first", "test_paging_is_stable_while_orders_come_in")
class ListIsByTheLastChange(MemoryRepository):
    """Orders are listed by when they changed, so that they move while somebody reads."""

    async def list(self, query: OrderQuery) -> OrderPage:
        """Sort by the last change."""
        matching = [
            order
            for order in self._orders.values()
            if query.status in {None, order.status} and query.user_id in {None, order.user_id}
        ]
        matching.sort(key=_last_change, reverse=True)
        if query.after is not None:
            last = (query.after.created_at, query.after.order_id)
            matching = [order for order in matching if _last_change(order) < last]
        page = matching[: query.limit]
        return OrderPage(page, PageKey(*_last_change(page[-1])) if len(matching) > query.limit else None)


def _last_change(order: Order) -> tuple[datetime, str]:
    return order.updated_at, order.order_id


class _CountsDifferently(MemoryRepository):
    """Counts its orders wrongly."""

    async def statistics(self) -> Statistics:
        """Return what this mutant counts."""
        right = await super().statistics()
        counts = {status: right.status_counts[status] + drift for status, drift in self.drift().items()}
        return Statistics(right.total_orders, dict(right.status_counts) | counts, self.microseconds(right))

    def drift(self) -> Mapping[Status, int]:
        """Return how many too many of a status are counted."""
        return {}

    def microseconds(self, right: Statistics) -> int:
        """Return the sum of processing times."""
        return right.processing_microseconds

    def number_of(self, event_type: EventType) -> int:
        """Return how many events of a type there were."""
        return sum(event.type is event_type for event in self._history.page(0, len(self._history)))


@mutant("test_statistics_are_the_fold_of_the_history", "test_each_situation_is_counted")
class CancelIsCountedTwice(_CountsDifferently):
    """An order that is cancelled stays counted where it was."""

    def drift(self) -> Mapping[Status, int]:
        """Drift with every cancellation."""
        return {Status.PENDING: self.number_of(EventType.CANCELLED)}


@mutant("test_statistics_are_the_fold_of_the_history", "test_each_situation_is_counted")
class RedriveIsNotCounted(_CountsDifferently):
    """An order that is redriven stays counted as Failed."""

    def drift(self) -> Mapping[Status, int]:
        """Drift with every redrive."""
        redriven = self.number_of(EventType.REDRIVEN)
        return {Status.FAILED: redriven, Status.PENDING: -redriven}


@mutant("test_statistics_are_the_fold_of_the_history", "test_each_situation_is_counted")
class FailureIsNotCounted(_CountsDifferently):
    """An order that fails stays counted as Processing."""

    def drift(self) -> Mapping[Status, int]:
        """Drift with every failure."""
        failed = self.number_of(EventType.FAILED)
        return {Status.FAILED: -failed, Status.PROCESSING: failed}


@mutant("test_statistics_are_the_fold_of_the_history", "test_processing_time_is_exact")
class ProcessingTimeCountsFailures(_CountsDifferently):
    """The time of failed orders goes into the average of the completed ones."""

    def microseconds(self, right: Statistics) -> int:
        """Add those that failed."""
        failed = (order for order in self._orders.values() if order.status is Status.FAILED)
        return right.processing_microseconds + sum(map(_microseconds, failed))


@mutant("test_processing_time_is_that_of_the_last_round", "test_statistics_are_the_fold_of_the_history")
class ProcessingTimeBeginsInTheFirstRound(_CountsDifferently):
    """The time is counted from the first claim ever, over rounds."""

    def microseconds(self, right: Statistics) -> int:  # noqa: ARG002 - the hook's signature
        """Count from the first claim."""
        total = 0
        for order_id, order in self._orders.items():
            if order.status is Status.COMPLETED and order.ended_at is not None:
                claims = [
                    event.at
                    for event in self._history.of(order_id, 0, WHOLE_HISTORY)
                    if event.type is EventType.CLAIMED
                ]
                total += (order.ended_at - claims[0]) // MICROSECOND
        return total


@mutant("test_processing_time_is_exact", "test_statistics_are_the_fold_of_the_history")
class ProcessingTimeIsInMilliseconds(_CountsDifferently):
    """The sum is rounded to milliseconds."""

    def microseconds(self, right: Statistics) -> int:
        """Round."""
        return right.processing_microseconds // 1_000 * 1_000


def _microseconds(order: Order) -> int:
    if order.ended_at is None or order.processing_started_at is None:
        return 0
    return (order.ended_at - order.processing_started_at) // MICROSECOND
