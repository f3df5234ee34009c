"""Where the value of a setting comes from: a flag, the environment, `.env`, or its default."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from order_engine.domain.errors import InvalidSetting

PREFIX = "ORDER_ENGINE_"
FILE = ".env"


class Origin(StrEnum):
    """Where a value comes from; each one wins over those below it."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = ".env"
    DEFAULT = "default"


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def from_variables(names: Collection[str]) -> Mapping[str, str]:
    """Return the values that the environment and `.env` give to the settings `names`.

    Raises InvalidSetting for a variable that begins with ORDER_ENGINE_ and is no setting: ignoring a misspelt one
    would run with the default. Other variables belong to other programs.
    """
    known = {variable(name): name for name in names}
    found = {**_in_file(), **_in_environment()}
    for each in found:
        if each.startswith(PREFIX) and each not in known:
            close = get_close_matches(each, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"Unknown variable {each}.{hint}"
            raise InvalidSetting(message)
    return {known[each]: value for each, value in found.items() if each in known and value is not None}


def origins(names: Iterable[str], flags: Collection[str]) -> Mapping[str, Origin]:
    """Return where each of the settings `names` comes from; `flags` are those that were given."""
    environment, file = _in_environment(), _in_file()
    return {name: _origin(name, flags, environment, file) for name in names}


def _origin(name: str, flags: Collection[str], environment: Collection[str], file: Collection[str]) -> Origin:
    if name in flags:
        return Origin.FLAG
    if variable(name) in environment:
        return Origin.ENVIRONMENT
    return Origin.FILE if variable(name) in file else Origin.DEFAULT


def _in_environment() -> Mapping[str, str]:
    return {name.upper(): value for name, value in os.environ.items()}


def _in_file() -> Mapping[str, str | None]:
    """Return the variables of `.env`; one without an equals sign has no value."""
    path = Path(FILE)
    if not (path.is_file() or path.is_fifo()):
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - quick help

    try:
        return {name.upper(): value for name, value in dotenv_values(path, encoding="utf-8").items()}
    except UnicodeDecodeError as error:
        message = f"The file {FILE} in the working directory is not UTF-8: {error.reason} at byte {error.start}."
        raise InvalidSetting(message) from None
    except OSError as error:
        message = f"The file {FILE} in the working directory cannot be read: {error.strerror}."
        raise InvalidSetting(message) from None
