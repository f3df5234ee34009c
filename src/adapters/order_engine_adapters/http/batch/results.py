"""Results of batch elements, and their summary."""

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
    """Counts of the results so far."""

    placed: int = 0
    replayed: int = 0
    refused: int = 0

    def text(self) -> bytes:
        """Return the last item of a response. Its counts show a client whether all elements were read."""
        read = self.placed + self.replayed + self.refused
        counts = {"read": read, "placed": self.placed, "replayed": self.replayed, "refused": self.refused}
        return _encode(counts).encode()

    def answer(self, read: ParsedOrder, outcome: Placed | OrderEngineError) -> bytes:
        """Count the result of one element and return it as JSON."""
        if isinstance(outcome, OrderEngineError):
            self.refused += 1
            return problem_text(read.order_id, outcome)
        if outcome.replayed:
            self.replayed += 1
        else:
            self.placed += 1
        return _answer(outcome.order.order_id, CREATED, replayed=outcome.replayed)


def problem_text(order_id: str | None, error: OrderEngineError) -> bytes:
    """Return the result of a refused element, or the item that explains why reading stopped."""
    problem = problem_for(error)
    return _answer(order_id, problem.status, problem=problem.document())


def _answer(order_id: str | None, code: int, *, replayed: bool = False, problem: object = None) -> bytes:
    return _encode({"order_id": order_id, "code": code, "replayed": replayed, "problem": problem}).encode()
