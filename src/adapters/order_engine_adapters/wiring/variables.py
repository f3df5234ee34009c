"""Where the value of a setting comes from: a flag, the environment, `.env`, or nobody said anything."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum

from pydantic_settings import BaseSettings, DotEnvSettingsSource

from order_engine import InvalidSetting

PREFIX = "ORDER_ENGINE_"
FILE = ".env"


class Origin(StrEnum):
    """Who said what a setting is; each one wins over those below it."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = ".env"
    DEFAULT = "default"


def variable(name: str) -> str:
    """Return the environment's name for a setting."""
    return f"{PREFIX}{name.upper()}"


def origins(names: Iterable[str], flags: Collection[str]) -> Mapping[str, Origin]:
    """Return where each of the settings `names` comes from, `flags` being those that were given."""
    environment, file = _names(os.environ), _names(_names_in_file())
    return {name: _origin(name, flags, environment, file) for name in names}


def check_variables(settings: Collection[str]) -> None:
    """Raise InvalidSetting for a variable, in the environment or in `.env`, that begins as ours do and is no setting.

    Silence would run with the default. What others keep in the environment and in `.env` is theirs.
    """
    known = [variable(name) for name in settings]
    for name in [*_names(os.environ), *_names(_names_in_file())]:
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"There is no variable {name}.{hint}"
            raise InvalidSetting(message)


def _origin(name: str, flags: Collection[str], environment: Collection[str], file: Collection[str]) -> Origin:
    if name in flags:
        return Origin.FLAG
    if variable(name) in environment:
        return Origin.ENVIRONMENT
    return Origin.FILE if variable(name) in file else Origin.DEFAULT


def _names(names: Iterable[str]) -> list[str]:
    return [name.upper() for name in names]


def _names_in_file() -> list[str]:
    try:
        return list(DotEnvSettingsSource(BaseSettings, env_file=FILE, env_file_encoding="utf-8").env_vars)
    except UnicodeDecodeError as error:
        message = f"The file {FILE} in the working directory is not UTF-8: {error.reason} at byte {error.start}."
        raise InvalidSetting(message) from None
    except OSError as error:
        message = f"The file {FILE} in the working directory cannot be read: {error.strerror}."
        raise InvalidSetting(message) from None
