"""Loading of the processor named by the settings."""

from __future__ import annotations

import importlib
import os
import sys
from operator import attrgetter
from types import ModuleType
from typing import cast

from order_engine import InvalidSetting
from order_engine.application.worker.processor_kinds import processor_problem
from order_engine.ports.clock import Clock
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine_adapters.demonstration import LONGEST_SECONDS, Demonstration

DEMONSTRATION = "demo"
NONE = "none"


def load_processor(text: str, clock: Clock) -> OrderProcessor | PlainProcessor | None:
    """Return the processor for the setting `processor`; None for `none`.

    `demo` and `demo:SECONDS` are the demonstration. `MODULE:FUNCTION` is searched among the installed modules and then
    in the working directory. The function may be a method of an object, `MODULE:OBJECT.METHOD`. Raises InvalidSetting.
    """
    name, colon, rest = text.partition(":")
    if name == DEMONSTRATION:
        return Demonstration(clock, _seconds(text, rest)) if colon else Demonstration(clock)
    if text == NONE:
        return None
    if not _is_dotted(name) or not _is_dotted(rest):
        raise _invalid(text, "use demo, demo:SECONDS, none or MODULE:FUNCTION")
    return _checked(text, _found(text, _module(text, name), rest))


def _seconds(text: str, number: str) -> float:
    try:
        seconds = float(number)
    except ValueError:
        seconds = -1.0
    # This also rejects NaN.
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise _invalid(text, f"the seconds per order must be 0 to {LONGEST_SECONDS:g}")
    return seconds


def _module(text: str, name: str) -> ModuleType:
    folder = os.getcwd()  # noqa: PTH109 - as `sys.path` has it, a text
    if folder not in sys.path and "" not in sys.path:
        # Appended, so that a file of the user never shadows an installed module.
        sys.path.append(folder)
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            problem = f"module {error.name} is neither installed nor in the working directory {folder}"
            raise _invalid(text, problem) from None
        raise _broken(text, name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(text, name, error) from error


def _found(text: str, module: ModuleType, path: str) -> object:
    try:
        found: object = attrgetter(path)(module)
    except AttributeError as error:
        where = getattr(module, "__file__", None) or module.__name__
        missing = error.name or path
        raise _invalid(text, f"{where} has no {missing}") from None
    return found


def _checked(text: str, found: object) -> OrderProcessor | PlainProcessor:
    if problem := processor_problem(found):
        raise _invalid(text, problem)
    return cast("OrderProcessor | PlainProcessor", found)


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _broken(text: str, name: str, error: BaseException) -> InvalidSetting:
    sentence = " ".join(f"{type(error).__name__}: {error}".split())
    return _invalid(text, f"importing {name} failed: {sentence}")


def _invalid(text: str, problem: str) -> InvalidSetting:
    return InvalidSetting(f"Invalid processor {text!r}: {problem}.")
