"""The faults that a harness can inject, so that the kit can look at what the adapter makes of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Final, TypeAlias, TypeVar
from unittest import SkipTest

Hook = TypeVar("Hook")
Effect: TypeAlias = Awaitable[None] | None
"""A hook may act at once, or when it is awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHooks:
    """Each hook is optional. A test that needs one that is missing is skipped, and its reason names the hook."""

    full_after: Callable[[int], Effect] | None = None
    """Let the repository take so many more new orders, and then answer FULL."""
    unstorable_user_id: str | None = None
    """A user id that the repository cannot store: a placement with it is REFUSED."""
    break_before_commit: Callable[[], Effect] | None = None
    """Let the next call that changes something fail before it has taken effect, by an error of the database itself."""
    break_after_commit: Callable[[], Effect] | None = None
    """Let the next call that changes something take effect, and lose its answer, by an error of the database itself."""
    break_reading: Callable[[], Effect] | None = None
    """Let the next call that reads fail, by an error of the database itself."""
    allow_writing: Callable[[bool], Effect] | None = None
    """With False, let every attempt to change something fail, as a full disk does, until it is called with True."""


NO_FAULTS: Final = FaultHooks()


def needed(hook: Hook | None, name: str) -> Hook:
    """Return the hook. Raise SkipTest, which pytest and unittest report with its reason, where there is none."""
    if hook is None:
        message = f"not tried: the harness has no fault hook `{name}`"
        raise SkipTest(message)
    return hook


async def carry_out(effect: Effect) -> None:
    """Wait for what a hook does, where it has to be waited for."""
    if isawaitable(effect):
        await effect
