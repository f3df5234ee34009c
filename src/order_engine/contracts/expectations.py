"""How the kit says what is wrong.

Not the `assert` statement: it is switched off by `python -O`, and says little outside of modules that pytest rewrites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

LONGEST_VALUE = 1_000


class ContractBroken(AssertionError):
    """The adapter under test does something other than its port says."""


def expect(holds: object, promise: str) -> None:
    """Raise ContractBroken, naming the promise, unless it holds."""
    if not holds:
        raise ContractBroken(promise)


def expect_equal(actual: object, expected: object, what: str) -> None:
    """Raise ContractBroken unless both are equal, telling only the fields, keys or items that differ."""
    if actual == expected:
        return
    raise ContractBroken("\n".join([f"{what}:", *differences(actual, expected)]))


def expect_same_items(actual: Iterable[object], expected: Iterable[object], what: str) -> None:
    """Compare two sequences by their items, whatever kind of sequence they are."""
    expect_equal(list(actual), list(expected), what)


def differences(actual: object, expected: object, place: str = "") -> list[str]:
    """Return one line for each place where the two differ."""
    pairs = _parts(actual, expected)
    if pairs is None:
        return [f"  {place or 'value'}: is {_short(actual)}, should be {_short(expected)}"]
    return [
        line for name, mine, theirs in pairs if mine != theirs for line in differences(mine, theirs, f"{place}{name}")
    ]


def _parts(actual: object, expected: object) -> list[tuple[str, object, object]] | None:
    """Take both apart alike; None where they cannot be compared part by part."""
    if type(actual) is type(expected) and (names := _field_names(actual)):
        return [(f".{name}", getattr(actual, name), getattr(expected, name)) for name in names]
    if isinstance(actual, Mapping) and isinstance(expected, Mapping) and actual.keys() == expected.keys():
        return [(f"[{key!r}]", actual[key], expected[key]) for key in expected]
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [(f"[{index}]", *pair) for index, pair in enumerate(zip(actual, expected, strict=True))]
    return None


def _field_names(value: object) -> list[str]:
    """Return the names of a record's fields, be it a dataclass or a named tuple; none for anything else."""
    if is_dataclass(value):
        return [one.name for one in fields(value)]
    return list(getattr(value, "_fields", ()))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"
