"""A running service as the target of commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from order_engine_adapters.cli.failures import CommandExit
from order_engine_adapters.cli.target.outcomes import (
    PERMANENT_STATUSES,
    DeferredLine,
    InputLine,
    KeyedLine,
    LineOutcome,
    PlacedLine,
    RefusedLine,
    TargetUnavailable,
)
from order_engine_adapters.cli.target.service_connection import HttpAnswer, ServiceConnection
from order_engine_adapters.settings import Settings

TOO_BUSY = frozenset({408, 429, 500, 502, 503, 504})
REPLAYED = "Idempotent-Replayed"
READ = "read"
"""Member of a batch's last item with the number of lines read."""
LINES = {"Content-Type": "application/x-ndjson"}
LINES_PER_TIME_LIMIT = 100
"""Lines per additional request timeout of a batch."""
ORDER = "order_id"
"""Member that identifies the document of an order."""


class ServiceTarget:
    """Uses a service over HTTP. Every method blocks; the methods are coroutines only to match the protocol."""

    def __init__(self, address: str, settings: Settings) -> None:
        """Use the service at `address`, with the request timeout."""
        self._connection = ServiceConnection(address, settings.request_seconds, settings.api_key)

    def __enter__(self) -> Self:
        """Connect with the first request."""
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._connection.close()

    async def list(self, *, status: str | None, user_id: str | None, limit: int, cursor: str | None) -> str:
        """Return one page of orders."""
        filters = {"status": status, "user_id": user_id, "limit": limit, "cursor": cursor}
        given = {name: value for name, value in filters.items() if value is not None}
        return self._asked("GET", f"/orders?{urlencode(given, errors='surrogateescape')}", "orders")

    async def order(self, order_id: str) -> str:
        """Return one order."""
        return self._asked("GET", _path(order_id), ORDER)

    async def history(self, order_id: str) -> str:
        """Return the events of one order."""
        return self._asked("GET", f"{_path(order_id)}/history", "events")

    async def cancel(self, order_id: str) -> str:
        """Cancel an order and return it."""
        return self._asked("POST", f"{_path(order_id)}/cancel", ORDER)

    async def redrive(self, order_id: str) -> str:
        """Redrive an order and return it."""
        return self._asked("POST", f"{_path(order_id)}/redrive", ORDER)

    async def metrics(self) -> str:
        """Return the counts."""
        return self._asked("GET", "/metrics", "status_counts")

    async def place(self, lines: Sequence[InputLine]) -> Sequence[LineOutcome]:
        """Place the orders of lines with an order id, as one batch."""
        body = b"".join(line.text + b"\n" for line in lines)
        # The response is sent after all orders are placed, and each has the request timeout.
        times = 1 + len(lines) // LINES_PER_TIME_LIMIT
        items: list[Mapping[str, Any]] = []
        try:
            with self._connection.asked("POST", "/orders/batch", body, LINES, times=times) as answer:
                if answer.status != HTTPStatus.OK:
                    raise _trouble_or_ending(answer, self._connection.shown)
                items.extend(_items(answer))
        except TargetUnavailable:
            # Results received before the connection broke are valid.
            if not items:
                raise
        return [_outcome_of_item(item) for item in _of_lines(items, len(lines), self._connection.shown)]

    async def place_under_keys(self, lines: Sequence[KeyedLine]) -> Sequence[LineOutcome]:
        """Place the orders of lines without an id one by one, each with its idempotency key."""
        outcomes: list[LineOutcome] = []
        try:
            for line, key in lines:
                outcomes.append(self._placed_under_key(line, key))
        except TargetUnavailable:
            if not outcomes:
                raise
        return outcomes

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251 - blocking on purpose, as all of this class

    def _placed_under_key(self, line: InputLine, key: str) -> LineOutcome:
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{key}"'}
        with self._connection.asked("POST", "/orders", line.text, headers) as answer:
            if answer.status == HTTPStatus.CREATED:
                return PlacedLine(answer.header(REPLAYED) == "true")
            if answer.status in PERMANENT_STATUSES:
                return RefusedLine(answer.problem())
            raise _trouble_or_ending(answer, self._connection.shown)

    def _asked(self, method: str, path: str, member: str) -> str:
        try:
            with self._connection.asked(method, path) as answer:
                if answer.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
                    raise _ending(answer, self._connection.shown)
                return _document_with(member, answer, self._connection.shown)
        except TargetUnavailable as trouble:
            raise CommandExit(str(trouble)) from trouble


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def _document_with(member: str, answer: HttpAnswer, address: str) -> str:
    text = answer.text()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or member not in document:
        raise _foreign(address)
    return text


def _items(answer: HttpAnswer) -> Iterator[Mapping[str, Any]]:
    for line in answer.lines():
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            # A line truncated by a broken connection.
            return
        if not isinstance(item, dict) or not (isinstance(item.get("code"), int) or isinstance(item.get(READ), int)):
            return
        yield item


def _of_lines(items: Sequence[Mapping[str, Any]], sent: int, address: str) -> Sequence[Mapping[str, Any]]:
    """Return the items that are results, in line order.

    The last item of a complete response has the number of lines read; an item before it explains why not all were.
    Raises TargetUnavailable if unknown lines were lost, or if none was read.
    """
    if not items or READ not in items[-1]:
        # Incomplete: the last item may be the reason why reading stopped.
        return (
            items[:-1] if items and items[-1].get(ORDER) is None and items[-1]["code"] in PERMANENT_STATUSES else items
        )
    read = items[-1][READ]
    answered, reason = items[:read], items[read:-1]
    if read < sent and not (read and reason):
        why = _detail(reason[0]) if reason else "the other orders were lost on the way to the service."
        message = f"{address} read {read} of {sent} orders: {why}"
        raise TargetUnavailable(message)
    return answered


def _outcome_of_item(item: Mapping[str, Any]) -> LineOutcome:
    code, problem = item["code"], item.get("problem") or {}
    if code == HTTPStatus.CREATED:
        return PlacedLine(bool(item.get("replayed")))
    if code in PERMANENT_STATUSES:
        return RefusedLine(problem)
    detail = _detail(item)
    if code in TOO_BUSY:
        return DeferredLine(TargetUnavailable(detail))
    raise CommandExit(detail)


def _detail(item: Mapping[str, Any]) -> str:
    problem = item.get("problem") or {}
    return str(problem.get("detail") or f"The service returned {item['code']} for an order.")


def _trouble_or_ending(answer: HttpAnswer, address: str) -> Exception:
    ending = _ending(answer, address)
    return TargetUnavailable(str(ending), answer.retry_after()) if answer.status in TOO_BUSY else ending


def _ending(answer: HttpAnswer, address: str) -> CommandExit:
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        elsewhere = answer.header("Location") or "elsewhere"
        return CommandExit(f"{address} redirects to {elsewhere}. Pass the final address with --url.")
    detail = answer.problem().get("detail")
    if not isinstance(detail, str) or not detail:
        detail = f"{address} returned {answer.status} {answer.reason}. Check that it is an order_engine service."
    if answer.status == HTTPStatus.UNAUTHORIZED:
        detail = f"{detail} Set ORDER_ENGINE_API_KEY to a valid key."
    return CommandExit(detail)


def _foreign(address: str) -> CommandExit:
    return CommandExit(f"{address} is not an order_engine service. Check the address given with --url.")
