"""The opaque JSON that a client hands to the processor: kept as text, so that it is exact, immutable and picklable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Final, TypeAlias

from order_engine.domain.content.limits import ContentLimits

JsonValue: TypeAlias = "bool | int | str | Decimal | list[JsonValue] | dict[str, JsonValue] | None"
JsonInput: TypeAlias = "bool | float | str | Decimal | Sequence[JsonInput] | Mapping[str, JsonInput] | None"

# The order's own object is level 1, so its attributes are level 2.
ATTRIBUTES_LEVEL = 2
HERE = ""
"""The pointer to the value itself."""
WORDS: Final = {None: "null", True: "true", False: "false"}
BITS_PER_DECIMAL_DIGIT = 3.33
FEW: Final = 10_000
"""Integers that are nearer to 0 are kept as canonical texts: only of those does an object hold tens of thousands."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ascii_text: Final = json.JSONEncoder().encode
_unicode_text: Final = json.JSONEncoder(ensure_ascii=False).encode


class AttributesProblem(ValueError):
    """Why a value cannot be attributes: `pointer` (JSON Pointer below the attributes) and a sentence."""

    def __init__(self, pointer: str, detail: str) -> None:
        """Keep both parts."""
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer}: {detail}")

    def below(self, name: str) -> AttributesProblem:
        """Return the same problem as it is seen from the object or list that has the value under this name."""
        escaped = name.replace("~", "~0").replace("/", "~1")
        return AttributesProblem(f"/{escaped}{self.pointer}", self.detail)


class _TooLong(AttributesProblem):
    """The attributes as a whole are too long, wherever that was noticed."""

    def below(self, name: str) -> AttributesProblem:  # noqa: ARG002 - the whole is at no place
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Attributes(Mapping[str, JsonValue]):
    """A JSON object, read-only. `text` is its exact compact text; reading gives fresh values, exact numbers.

    Two are equal when their values are: 1 and 1.0 are one number, the order of keys does not count, true is not 1.
    """

    text: str
    limits: ContentLimits | None = field(default=None, repr=False)
    """By which limits the text was checked, where it was: it is not checked by the same ones again."""

    @property
    def size(self) -> int:
        """The length of the text in UTF-8 bytes."""
        return len(self.text) if self.text.isascii() else len(self.text.encode())

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the values as a new dictionary, which the caller may change."""
        value: dict[str, JsonValue] = json.loads(self.text, parse_float=Decimal)
        return value

    def __getitem__(self, key: str) -> JsonValue:
        """Return the value of one key."""
        return self.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        """Go through the keys in the order they were given."""
        return iter(self.to_dict())

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self.to_dict())

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        if not isinstance(other, Attributes):
            return NotImplemented
        if self.text == other.text:
            return True
        # Python compares numbers by their values, and objects whatever the order of their keys; only for it, true is 1.
        value, others = self.to_dict(), other.to_dict()
        return value == others and _same_booleans(value, others)

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self.canonical())

    def __repr__(self) -> str:
        """Show the text."""
        return f"Attributes({self.text!r})"

    def canonical(self) -> str:
        """Return a text that is equal exactly for equal values."""
        return canonical_json(self.to_dict())


def encode_attributes(value: Mapping[str, JsonInput] | None, limits: ContentLimits) -> Attributes | None:
    """Return the attributes, or None for None and for an empty object, which mean the same.

    Raises `AttributesProblem` for anything that is not JSON, is nested too deeply, holds a NUL or a lone surrogate,
    or is too long.
    """
    if isinstance(value, Attributes):
        if value.limits == limits:
            return value
        value = value.to_dict()
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        raise AttributesProblem(HERE, "must be a JSON object")
    text = _encode(value, ATTRIBUTES_LEVEL, limits)
    size = len(text.encode())
    if size > limits.attributes_bytes:
        raise AttributesProblem(HERE, f"must be at most {limits.attributes_bytes} bytes long, is {size}")
    return Attributes(text, limits)


def _same_booleans(value: JsonValue, other: JsonValue) -> bool:
    """Whether two values that are equal for Python have booleans at the same places."""
    if isinstance(value, list) and isinstance(other, list):
        return all(map(_same_booleans, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return all(_same_booleans(member, other[key]) for key, member in value.items())
    return isinstance(value, bool) == isinstance(other, bool)


def canonical_json(value: JsonValue) -> str:
    """Return a text that is equal exactly for equal JSON values: sorted keys, numbers by value."""
    if isinstance(value, str):
        return _ascii_text(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join([f"{_ascii_text(key)}:{canonical_json(value[key])}" for key in sorted(value)]) + "}"
    if value is None or isinstance(value, bool):
        return WORDS[value]
    if isinstance(value, int) and -FEW < value < FEW:
        return _canonical_small_number(value)
    return _canonical_number(str(value))


@lru_cache(maxsize=2 * FEW)
def _canonical_small_number(number: int) -> str:
    return _canonical_number(str(number))


def _canonical_number(text: str) -> str:
    """Return the digits of a number that count, and the power of ten of the first one, whatever way it is written."""
    mantissa, _, power = text.removeprefix("-").partition("E")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    exponent = int(power or 0) - len(fraction) + len(digits) - len(significant)
    return f"{'-' if text[0] == '-' else ''}{significant}E{exponent}"


def _encode(value: object, level: int, limits: ContentLimits) -> str:
    if isinstance(value, str):
        return _encode_text(value)
    if value is None or isinstance(value, bool):
        return WORDS[value]
    if isinstance(value, int | float | Decimal):
        return _encode_number(value, limits)
    if level > limits.nesting:
        raise AttributesProblem(HERE, f"must not be nested deeper than {limits.nesting} levels")
    if isinstance(value, list | tuple):
        return "[" + _joined(_items(value, level, limits), limits) + "]"
    if isinstance(value, Mapping):
        return "{" + _joined(_members(value, level, limits), limits) + "}"
    raise AttributesProblem(HERE, f"must be a JSON value, not {type(value).__name__}")


def _joined(parts: Iterable[str], limits: ContentLimits) -> str:
    """Join parts, giving up early: lists that share their parts are small in memory, and may be endless as text."""
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len(part) + 1
        if size > limits.attributes_bytes:
            raise _TooLong(HERE, f"must be at most {limits.attributes_bytes} bytes long")
        kept.append(part)
    return ",".join(kept)


def _items(values: Sequence[object], level: int, limits: ContentLimits) -> Iterator[str]:
    # Where a value is, is found out once it is wrong: the pointer to each would take as long as it is, every time.
    index = 0
    try:
        for index, item in enumerate(values):  # noqa: B007 - the handler reads it
            yield _encode(item, level + 1, limits)
    except AttributesProblem as problem:
        raise problem.below(str(index)) from None


def _members(value: Mapping[object, object], level: int, limits: ContentLimits) -> Iterator[str]:
    for key, member in value.items():
        if not isinstance(key, str):
            raise AttributesProblem(HERE, f"must have string keys, not {type(key).__name__}")
        if problem := _text_problem(key):
            # The pointer stops at the object: with such a key in it, it could not be sent or logged itself.
            raise AttributesProblem(HERE, f"has an invalid key: it {problem}")
        try:
            text = _encode(member, level + 1, limits)
        except AttributesProblem as problem_below:
            raise problem_below.below(key) from None
        yield f"{_unicode_text(key)}:{text}"


def _encode_text(value: str) -> str:
    if problem := _text_problem(value):
        raise AttributesProblem(HERE, problem)
    return _unicode_text(value)


def _text_problem(value: str) -> str | None:
    if "\0" in value:
        return "must not contain NUL characters"
    if not value.isascii() and _LONE_SURROGATE.search(value):
        return "must not contain lone surrogates"
    return None


def _encode_number(value: float | Decimal, limits: ContentLimits) -> str:
    # The texts are the base classes' own: an enumeration, or a number of another library, may show itself otherwise.
    if isinstance(value, int):
        # Bounded by its bits first: the text of a huge integer takes quadratic time, and Python refuses it.
        if value.bit_length() > limits.number_characters * BITS_PER_DECIMAL_DIGIT:
            raise AttributesProblem(HERE, f"must be at most {limits.number_characters} characters long")
        text = int.__repr__(value)
    elif isinstance(value, float):
        if not isfinite(value):
            raise AttributesProblem(HERE, "must be a finite number")
        text = float.__repr__(value)
    else:
        if not value.is_finite():
            raise AttributesProblem(HERE, "must be a finite number")
        text = Decimal.__str__(value)
    if len(text) > limits.number_characters:
        raise AttributesProblem(HERE, f"must be at most {limits.number_characters} characters long")
    return text
