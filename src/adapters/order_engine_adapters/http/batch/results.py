"""What each element of a batch is answered with, and what all of them together are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from order_engine.application.placer import Placed
from order_engine.domain.errors import OrderEngineError
from order_engine_adapters.http.errors import problem_for
from order_engine_adapters.http.orders.order_parser import ParsedOrder

CREATED: Final = 201

_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class BatchSummary:
    """What became of the elements of a batch so far, each of which was answered."""

    placed: int = 0
    replayed: int = 0
    refused: int = 0

    def text(self) -> bytes:
        """Return the last item of an answer: whoever sent more elements than were read learns of it here."""
        read = self.placed + self.replayed + self.refused
        counts = {"read": read, "placed": self.placed, "replayed": self.replayed, "refused": self.refused}
        return _encode(counts).encode()

    def answer(self, read: ParsedOrder, outcome: Placed | OrderEngineError) -> bytes:
        """Count one element, and return its answer."""
        if isinstance(outcome, OrderEngineError):
            self.refused += 1
            return problem_text(read.order_id, outcome)
        if outcome.replayed:
            self.replayed += 1
        else:
            self.placed += 1
        return _answer(outcome.order.order_id, CREATED, replayed=outcome.replayed)


def problem_text(order_id: str | None, error: OrderEngineError) -> bytes:
    """Return the answer to an element that was refused; also the item that says why no further one was read."""
    problem = problem_for(error)
    return _answer(order_id, problem.status, problem=problem.document())


def _answer(order_id: str | None, code: int, *, replayed: bool = False, problem: object = None) -> bytes:
    return _encode({"order_id": order_id, "code": code, "replayed": replayed, "problem": problem}).encode()
