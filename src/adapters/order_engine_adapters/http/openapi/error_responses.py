"""Error responses: one per status, with its problems and examples.

Responses are inlined in their operations. A named response would become a type in generated clients, and its name would
change with every added problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from order_engine.domain.content.money import NEGATIVE
from order_engine.domain.errors import (
    ActionRefused,
    FieldError,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidOrder,
    InvalidQuery,
    MalformedJson,
    NotRunning,
    OrderConflict,
    OrderEngineError,
    OrderNotFound,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    VersionMismatch,
)
from order_engine.wire.problems import Problem
from order_engine_adapters.http.errors import BodyTooLarge, MethodNotAllowed, NotAcceptable, problem_for
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.openapi import examples
from order_engine_adapters.http.openapi.fields import FIELDS_OF_PROBLEMS, FIELDS_OF_REFUSALS, headers
from order_engine_adapters.http.openapi.known_problems import KnownProblem, known_problems
from order_engine_adapters.http.openapi.schemas import Schema, reference

PROBLEM_TYPE: Final = "application/problem+json"
ORDER_ID: Final = examples.NEW["order_id"]

EXAMPLE_ERRORS: Final[Sequence[OrderEngineError]] = (
    MalformedJson("Malformed JSON: Expecting value at line 1, column 1."),
    InvalidOrder((FieldError("/total_amount", NEGATIVE), FieldError("/item_ids", "is required"))),
    OrderNotFound(ORDER_ID),
    OrderConflict(ORDER_ID),
    IdempotencyKeyReused("basket-4711"),
    ActionRefused(ORDER_ID, "redrive", "Completed", ()),
    VersionMismatch(ORDER_ID, 2, 3),
    InvalidQuery("Invalid limit 'ten'. It must be a whole number."),
    InvalidCursor("The cursor was made for another list."),
    Overloaded("10000 orders are waiting to be placed."),
    NotRunning("The engine is draining: it takes no more orders."),
    OutcomeUnknown("No result within 10 s. The request may have taken effect. Retry the same request."),
    Unavailable("The repository is unavailable."),
    NotAcceptable("The Accept field excludes application/json, the media type of the response."),
    BodyTooLarge(HttpLimits().body_bytes),
    MethodNotAllowed("DELETE", "GET, HEAD, OPTIONS"),
)
"""Errors with realistic details; the examples of others use their meaning."""


def by_status(codes: Iterable[str]) -> Mapping[int, Sequence[KnownProblem]]:
    """Return the problems with these codes by HTTP status. Unknown codes are ignored."""
    wanted = frozenset(codes)
    found: dict[int, list[KnownProblem]] = {}
    for problem in known_problems():
        if problem.code in wanted:
            found.setdefault(problem.status, []).append(problem)
    return dict(sorted(found.items()))


def response(problems: Sequence[KnownProblem]) -> Schema:
    """Return the response for problems with the same status."""
    answer: Schema = {
        "description": "\n".join(f"- `{problem.code}`: {problem.title}" for problem in problems),
        "content": {
            PROBLEM_TYPE: {
                "schema": reference("Problem"),
                "examples": {problem.code: {"$ref": f"#/components/examples/{problem.code}"} for problem in problems},
            }
        },
    }
    fields = list(FIELDS_OF_REFUSALS.get(problems[0].status, ()))
    for problem in problems:
        fields += FIELDS_OF_PROBLEMS.get(problem.code, ())
    if fields:
        answer["headers"] = dict(headers(*fields))
    return answer


def examples_of(problems: Iterable[KnownProblem]) -> Mapping[str, Schema]:
    """Return an example of each problem by code."""
    return {
        problem.code: {"summary": problem.title, "value": _example(problem)}
        for problem in sorted(problems, key=lambda each: (each.status, each.code))
    }


def _example(known: KnownProblem) -> Mapping[str, object]:
    problem = _occurrences().get(known.code) or Problem(known.status, known.code, known.title, known.meaning)
    return problem.document()


@cache
def _occurrences() -> Mapping[str, Problem]:
    problems = map(problem_for, EXAMPLE_ERRORS)
    return {problem.code: problem for problem in problems}
