"""Sending of lines to the target, with retries while it is unavailable."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from order_engine_adapters.cli.failures import CommandExit
from order_engine_adapters.cli.importing.order_file import DamagedArchive, OrderFile, TruncatedLine
from order_engine_adapters.cli.importing.progress import ImportCounts
from order_engine_adapters.cli.importing.refused_lines_file import RefusedLinesFile
from order_engine_adapters.cli.target.outcomes import (
    DeferredLine,
    InputLine,
    KeyedLine,
    LineOutcome,
    PlacedLine,
    RefusedLine,
    TargetUnavailable,
)
from order_engine_adapters.cli.target.targets import CommandTarget

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 2.0

Sent = TypeVar("Sent", InputLine, KeyedLine)


class Importer:
    """Sends the lines of a file to a target and records the result of each."""

    def __init__(  # noqa: PLR0913 - the parts of one import, by name
        self,
        *,
        target: CommandTarget,
        file: OrderFile,
        refused: RefusedLinesFile,
        tally: ImportCounts,
        longest_line: int,
        patience_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        """Give up if the target accepts nothing for `patience_seconds`."""
        self._target = target
        self._file = file
        self._refused = refused
        self._tally = tally
        self._longest_line = longest_line
        self._patience = patience_seconds
        self._monotonic = monotonic

    async def carry(self, chunk: Sequence[InputLine | TruncatedLine]) -> None:
        """Send a chunk of lines until each has a result. Raises CommandExit if the target stays unavailable."""
        named: list[InputLine] = []
        nameless: list[InputLine] = []
        for line in chunk:
            if isinstance(line, TruncatedLine):
                self._refuse(line.number, line.beginning, _too_long(self._longest_line))
            elif _lacks_order_id(line.text):
                nameless.append(line)
            else:
                named.append(line)
        await self._bring(named, self._target.place, lambda line: line)
        await self._bring([self._keyed(line) for line in nameless], self._target.place_under_keys, attrgetter("line"))

    def _keyed(self, line: InputLine) -> KeyedLine:
        # Equal in every run with the same content, compressed or not, so that no run duplicates an order.
        try:
            return KeyedLine(line, f"import-{self._file.digest()}-{line.number}")
        except DamagedArchive as damage:
            consequence = f"; line {line.number} has no order_id, so a second run could duplicate it"
            raise DamagedArchive(damage.error, consequence) from damage

    async def _bring(
        self,
        lines: Sequence[Sent],
        place: Callable[[Sequence[Sent]], Awaitable[Sequence[LineOutcome]]],
        line_of: Callable[[Sent], InputLine],
    ) -> None:
        wait, given_up_at = FIRST_WAIT_SECONDS, None
        while lines:
            try:
                outcomes, trouble = (
                    await place(lines),
                    TargetUnavailable("The service closed the connection before the response was complete."),
                )
            except TargetUnavailable as met:
                outcomes, trouble = (), met
            left, busy = self._note_all(lines, outcomes, line_of)
            if not left:
                return
            if len(left) < len(lines):
                wait, given_up_at = FIRST_WAIT_SECONDS, None
            lines, trouble = left, busy or trouble
            given_up_at = given_up_at or self._monotonic() + self._patience
            await self._wait(max(wait, trouble.retry_after), given_up_at, trouble)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def _note_all(
        self, lines: Sequence[Sent], outcomes: Sequence[LineOutcome], line_of: Callable[[Sent], InputLine]
    ) -> tuple[Sequence[Sent], TargetUnavailable | None]:
        """Record the results. Return the lines to retry, and the reason."""
        left: list[Sent] = []
        trouble: TargetUnavailable | None = None
        for sent, outcome in zip(lines, outcomes, strict=False):
            if isinstance(outcome, DeferredLine):
                left.append(sent)
                trouble = outcome.trouble
            else:
                self._note(line_of(sent), outcome)
        left.extend(lines[len(outcomes) :])
        return left, trouble

    async def _wait(self, seconds: float, given_up_at: float, trouble: TargetUnavailable) -> None:
        if self._monotonic() + seconds > given_up_at:
            sentence = f"{trouble} Imported so far: {self._tally}. Run the same command again to resume."
            raise CommandExit(sentence) from trouble
        await self._target.sleep(seconds)

    def _note(self, line: InputLine, outcome: PlacedLine | RefusedLine) -> None:
        if isinstance(outcome, RefusedLine):
            self._refuse(line.number, line.text, outcome.problem)
        elif outcome.replayed:
            self._tally.already_there += 1
        else:
            self._tally.new += 1

    def _refuse(self, number: int, text: bytes, problem: Any) -> None:  # noqa: ANN401 - a problem document
        self._tally.refused += 1
        self._refused.add(number, text, problem)


def _lacks_order_id(text: bytes) -> bool:
    try:
        order = json.loads(text)
    except (ValueError, RecursionError):
        # The target refuses it in any case.
        return False
    return isinstance(order, dict) and order.get("order_id") is None


def _too_long(longest_line: int) -> dict[str, object]:
    return {
        "type": "urn:order-engine:problem:body_too_large",
        "title": "Body too large",
        "status": 413,
        "detail": f"The line exceeds the limit of {longest_line:,} bytes. Only its beginning is recorded here.",
        "code": "body_too_large",
    }
