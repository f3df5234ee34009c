"""Validation of processors, and detection of coroutine functions."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, TypeGuard

from order_engine.domain.errors import InvalidSetting
from order_engine.ports.processor import OrderProcessor, PlainProcessor

MAX_WRAPPERS = 20
"""Maximum nesting of partials and callable objects that are unwrapped."""


def is_coroutine_processor(processor: OrderProcessor | PlainProcessor) -> TypeGuard[OrderProcessor]:
    """Return whether `processor` is a coroutine function, or an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(processor) or inspect.iscoroutinefunction(_function_of(processor))


def check_processor(processor: object) -> None:
    """Raise InvalidSetting if `processor` cannot process orders."""
    if problem := processor_problem(processor):
        name = getattr(processor, "__qualname__", None) or type(processor).__qualname__
        message = f"The processor {name} cannot be used: {problem}."
        raise InvalidSetting(message)


def processor_problem(processor: object) -> str | None:
    """Return why `processor` cannot process orders, as the end of a sentence; None if it can."""
    function = _function_of(processor)
    if isinstance(function, type):
        # Calling it would only create an object, and every order would be Completed.
        return "it is a class; use a function, or a method of an object"
    if function is None or not callable(processor):
        return f"it is not a function but of type {type(processor).__name__}"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        # Calling it would create a generator without running it.
        return "it is a generator function, whose body does not run when it is called; remove `yield` from it"
    if not _takes_one_argument(processor):
        return "it does not accept one argument, the order"
    return None


def _function_of(processor: object) -> object:
    """Return the function, method or class that `processor` eventually calls; None if it is not callable."""
    function = processor
    for _ in range(MAX_WRAPPERS):
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, staticmethod):
            function = function.__func__
        elif isinstance(function, type) or inspect.isroutine(function):
            return function
        elif callable(function):
            function = type(function).__call__
        else:
            break
    return None


def _takes_one_argument(processor: Any) -> bool:  # noqa: ANN401 - a callable of any kind
    # For an object whose `__call__` is a static method, `inspect.signature` would omit the order.
    is_object = not isinstance(processor, partial) and not inspect.isroutine(processor)
    try:
        signature = inspect.signature(processor.__call__ if is_object else processor)
    except (TypeError, ValueError):
        # Functions written in C do not always have a signature.
        return True
    try:
        signature.bind(object())
    except TypeError:
        return False
    return True
