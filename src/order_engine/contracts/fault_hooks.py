"""Fault injection by harnesses, used to test the error handling of adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Final, TypeAlias, TypeVar
from unittest import SkipTest

Hook = TypeVar("Hook")
Effect: TypeAlias = Awaitable[None] | None
"""A hook may act immediately, or when awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHooks:
    """Optional hooks. Tests that need a missing hook are skipped, with the hook named in the reason."""

    full_after: Callable[[int], Effect] | None = None
    """Make the repository accept this many more orders, and then return FULL."""
    unstorable_user_id: str | None = None
    """User id that the database cannot store: placements with it are REFUSED."""
    break_before_commit: Callable[[], Effect] | None = None
    """Make the next write fail before it takes effect, by an error of the database."""
    break_after_commit: Callable[[], Effect] | None = None
    """Make the next write take effect and lose its answer, by an error of the database."""
    break_reading: Callable[[], Effect] | None = None
    """Make the next read fail, by an error of the database."""
    allow_writing: Callable[[bool], Effect] | None = None
    """With False, make all writes fail, as on a full disk, until it is called with True."""


NO_FAULTS: Final = FaultHooks()


def needed(hook: Hook | None, name: str) -> Hook:
    """Return the hook. Raises SkipTest, which pytest and unittest report with its reason, if it is None."""
    if hook is None:
        message = f"skipped: the harness has no fault hook `{name}`"
        raise SkipTest(message)
    return hook


async def carry_out(effect: Effect) -> None:
    """Await the effect of a hook if it is awaitable."""
    if isawaitable(effect):
        await effect
