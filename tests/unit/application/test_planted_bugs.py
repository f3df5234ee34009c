"""The tests are tested: each planted bug makes its scenario fail, which passes without it."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.application import planted_books, planted_busy
from tests.unit.application.planted import BUGS, PlantedBug

ALSO = (planted_books, planted_busy)
"""Whose bugs are in the table as soon as they are imported."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
async def test_a_planted_bug_is_noticed(bug: PlantedBug, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario fails with the bug planted; it is an ordinary test of its own, which passes without."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    with monkeypatch.context() as patch:
        bug.plant(patch)
        with pytest.raises((Exception, asyncio.CancelledError)) as noticed:
            await bug.scenario()
    assert not _is_a_misfit(noticed.value), f"the bug does not fit the code any more: {noticed.value!r}"


def _is_a_misfit(error: BaseException | None) -> bool:
    """Whether the failure comes of a plant that the code has outgrown, and says nothing about the bug."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_a_misfit, error.exceptions))
    own = isinstance(error, TypeError | AttributeError | NameError | UnboundLocalError)
    return own or (error is not None and _is_a_misfit(error.__cause__))


def test_the_table_of_bugs_has_no_bug_twice() -> None:
    """Each bug has a name of its own, and an ordinary test as its scenario."""
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert all(getattr(bug.scenario, "__name__", "").startswith("test_") for bug in BUGS)
