"""Every problem that the service may answer with: one table of the errors' own statuses, codes and titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from inspect import getdoc
from typing import NamedTuple

from order_engine.domain.errors import OrderEngineError
from order_engine.wire.problems import TITLES
from order_engine_adapters.http.errors import INTERNAL, RequestRefused

INTERNAL_MEANING = "A bug of the service's, which has written more about it into its log."


class KnownProblem(NamedTuple):
    """One problem: when it is met is the sentence of the error that it stands for."""

    status: int
    code: str
    title: str
    meaning: str


@cache
def known_problems() -> Sequence[KnownProblem]:
    """Return every problem once, by status and code."""
    return sorted({*_of_the_engine(), *_of_requests(RequestRefused), _internal()})


def _of_the_engine() -> Iterator[KnownProblem]:
    for error, (status, title) in TITLES.items():
        # Where the fault is the service's own, a client is told no more than that.
        if status != INTERNAL.status:
            yield KnownProblem(status, error.code, title, _meaning(error))


def _of_requests(base: type[RequestRefused]) -> Iterator[KnownProblem]:
    for error in base.__subclasses__():
        yield KnownProblem(error.status, error.code, error.title, _meaning(error))
        yield from _of_requests(error)


def _internal() -> KnownProblem:
    return KnownProblem(INTERNAL.status, INTERNAL.code, INTERNAL.title, INTERNAL_MEANING)


def _meaning(error: type[OrderEngineError]) -> str:
    return " ".join((getdoc(error) or error.code).split())
