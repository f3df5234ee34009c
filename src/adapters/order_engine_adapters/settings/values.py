"""Values of settings, read from the text of a flag or a variable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from order_engine.domain.setting import Setting
from order_engine_adapters.settings.variables import variable

TRUE: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
FALSE: Final = frozenset({"0", "f", "false", "n", "no", "off"})


def value_of(setting: Setting, given: object) -> object:
    """Return a value as its setting keeps it: what a text says, or a number of the setting's own type.

    Raises InvalidSetting for a value that is not allowed.
    """
    value = _from_text(setting, given) if isinstance(given, str) else _of_kind(setting, given)
    setting.check(value)
    return value


def _from_text(setting: Setting, text: str) -> object:
    if not text:
        if setting.optional:
            return None
        message = f"not be empty: set a value, or remove it and {variable(setting.name)}"
        raise setting.invalid(text, message)
    try:
        return READERS[setting.kind](setting, text)
    except (ValueError, ArithmeticError) as error:
        raise setting.invalid(text, str(error) if setting.validator else "") from None


def _read_text(setting: Setting, text: str) -> str:
    if setting.choices:
        return setting.choices[setting.choices.index(text.lower())]
    return text if setting.validator is None else setting.validator(text)


def _read_switch(_: Setting, text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError
    return text.lower() in TRUE


def _ascii(text: str) -> str:
    return text.strip().encode("ascii").decode()


READERS: Final[Mapping[type, Callable[[Setting, str], object]]] = {
    str: _read_text,
    bool: _read_switch,
    # A whole number may be written 5.0.
    int: lambda _, text: int(re.sub(r"\.0+$", "", _ascii(text))),
    float: lambda _, text: float(_ascii(text)),
    Decimal: lambda _, text: Decimal(text),
}


def _of_kind(setting: Setting, value: object) -> object:
    """Return a number in the setting's own type, where that has the value."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    if setting.kind is Decimal:
        return Decimal(str(value))
    try:
        of_kind: object = setting.kind(value)
    except (ValueError, ArithmeticError):
        return value
    return of_kind if of_kind == value else value
