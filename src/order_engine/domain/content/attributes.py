"""Opaque JSON that a client passes to the processor, kept as text so that it is exact, immutable and picklable."""

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

# The order object is level 1, so its attributes are level 2.
ATTRIBUTES_LEVEL = 2
HERE = ""
"""JSON Pointer to the value itself."""
WORDS: Final[Mapping[object, str]] = {None: "null", True: "true", False: "false"}
BITS_PER_DECIMAL_DIGIT = 3.33
FEW: Final = 10_000
"""Canonical texts of integers closer to 0 are cached: only small integers occur in tens of thousands per object."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ascii_text: Final = json.JSONEncoder().encode
_unicode_text: Final = json.JSONEncoder(ensure_ascii=False).encode


class AttributesProblem(ValueError):
    """Invalid attributes: `pointer` (JSON Pointer relative to the attributes) and the reason."""

    def __init__(self, pointer: str, detail: str) -> None:
        """Store both parts."""
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer}: {detail}")

    def below(self, name: str) -> AttributesProblem:
        """Return the same problem with a pointer relative to the object or list that contains the value."""
        escaped = name.replace("~", "~0").replace("/", "~1")
        return AttributesProblem(f"/{escaped}{self.pointer}", self.detail)


class _TooLong(AttributesProblem):
    """The attributes as a whole are too long, wherever this was detected."""

    def below(self, name: str) -> AttributesProblem:  # noqa: ARG002 - the problem concerns the whole object
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Attributes(Mapping[str, JsonValue]):
    """Read-only JSON object. `text` is its exact compact text; each access parses new values with exact numbers.

    Two objects are equal if their values are: 1 equals 1.0, the order of keys is ignored, true does not equal 1.
    """

    text: str
    limits: ContentLimits | None = field(default=None, repr=False)
    """Limits that the text was validated against, if any. It is not validated against the same limits again."""

    @property
    def size(self) -> int:
        """Length of the text in UTF-8 bytes."""
        return len(self.text) if self.text.isascii() else len(self.text.encode())

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the values as a new dictionary, which the caller may modify."""
        value: dict[str, JsonValue] = json.loads(self.text, parse_float=Decimal)
        return value

    def __getitem__(self, key: str) -> JsonValue:
        """Return the value of a key."""
        return self.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys in their original order."""
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
        # Python compares numbers by value and ignores the order of keys, as required, but treats True as 1.
        value, others = self.to_dict(), other.to_dict()
        return value == others and _same_booleans(value, others)

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self.canonical())

    def __repr__(self) -> str:
        """Return the text in a constructor call."""
        return f"Attributes({self.text!r})"

    def canonical(self) -> str:
        """Return a text that is equal if and only if the values are equal."""
        return canonical_json(self.to_dict())


def encode_attributes(value: Mapping[str, JsonInput] | None, limits: ContentLimits) -> Attributes | None:
    """Return the attributes, or None for None and for an empty object, which are equivalent.

    Raises AttributesProblem for values that are not JSON, are nested too deeply, contain a NUL or a lone surrogate, or
    are too long.
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
    """Return whether two values that are equal in Python have booleans in the same places."""
    if isinstance(value, list) and isinstance(other, list):
        return all(map(_same_booleans, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return all(_same_booleans(member, other[key]) for key, member in value.items())
    return isinstance(value, bool) == isinstance(other, bool)


def canonical_json(value: JsonValue) -> str:
    """Return a text that is equal if and only if the JSON values are equal: sorted keys, numbers by value."""
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
    """Return the significant digits and the exponent of a number, independent of its notation."""
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
    """Join parts and stop at the limit: lists that share parts are small in memory, but may be huge as text."""
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len(part) + 1
        if size > limits.attributes_bytes:
            raise _TooLong(HERE, f"must be at most {limits.attributes_bytes} bytes long")
        kept.append(part)
    return ",".join(kept)


def _items(values: Sequence[object], level: int, limits: ContentLimits) -> Iterator[str]:
    # The pointer is built only for an invalid value: building one for every value would take too long.
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
            # The pointer ends at the object: with such a key in it, it could not be sent or logged itself.
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
    # Call the base class: subclasses, such as enumerations or numbers of other libraries, may override __repr__.
    if isinstance(value, int):
        # Check the bits first: converting a huge integer to text takes quadratic time, and Python refuses it.
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
