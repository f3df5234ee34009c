"""The engine's options: defaults that work, and errors that name what is wrong."""

from __future__ import annotations

from dataclasses import fields

import pytest

from order_engine import ContentLimits, EngineOptions, InvalidSetting
from order_engine.domain.setting import settings_of

DECLARED = settings_of(EngineOptions)
NUMBERS = list(DECLARED)
WHOLE = [name for name, setting in DECLARED.items() if setting.kind is int]
MAY_BE_ZERO = {"attempt_seconds", "backoff_seconds", "backoff_cap_seconds", "grace_seconds", "stop_seconds"}


def with_option(name: str, value: object) -> EngineOptions:
    """Return options with one value set."""
    return EngineOptions(**{name: value})  # type: ignore[arg-type] # wrong types are what is tested


def test_every_option_is_declared() -> None:
    """The limits of the content are declared by their own class."""
    assert {option.name for option in fields(EngineOptions)} - {"content"} == DECLARED.keys()


def test_the_defaults_are_valid() -> None:
    """Nothing has to be said."""
    assert EngineOptions() == EngineOptions(content=ContentLimits())


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "7", None, True, False, 1j], ids=repr)
def test_no_option_takes_nonsense(name: str, value: object) -> None:
    """Negative, infinite and not-a-number values, text and booleans are refused; the error names the option."""
    with pytest.raises(InvalidSetting, match=name):
        with_option(name, value)


@pytest.mark.parametrize("name", NUMBERS)
def test_zero_is_for_those_options_that_can_be_switched_off(name: str) -> None:
    """Others have to be more than 0."""
    if name in MAY_BE_ZERO:
        assert getattr(with_option(name, 0), name) == 0
    else:
        with pytest.raises(InvalidSetting, match=name):
            with_option(name, 0)


@pytest.mark.parametrize("name", WHOLE)
def test_counts_are_whole_numbers(name: str) -> None:
    """Half an order is none."""
    with pytest.raises(InvalidSetting, match=name):
        with_option(name, 1.5)
    assert getattr(with_option(name, 1), name) == 1


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in WHOLE])
def test_seconds_may_be_any_positive_number(name: str) -> None:
    """Whole or not."""
    assert getattr(with_option(name, 2), name) == 2
    assert getattr(with_option(name, 0.001), name) == 0.001
