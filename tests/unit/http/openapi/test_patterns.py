"""The regular expressions of the document: every engine reads them, and reads them alike."""

from __future__ import annotations

import re
from typing import Final

import jsonschema_rs
import pytest

from tests.unit.http.openapi.documents import made, parts

PATTERNS: Final = sorted({part["pattern"] for _, part in parts(made()) if isinstance(part.get("pattern"), str)})
COMMON: Final = re.compile(
    r"""(?:
        [A-Za-z0-9 !"\#%&',:;<=>@_`~^$.|*+?()-]     # characters and operators that mean the same everywhere
      | \\x[0-9A-F]{2} | \\[.*+?()\[\]\\t]          # escapes that every dialect has
      | \(\?:                                       # groups that capture nothing; no look-ahead, no names
      | \{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\}         # RE2 repeats up to 1,000 times
      | \[\^?(?:\\x[0-9A-F]{2}|\\[\[\]\\t]|[^\\\[\]/])+\]
    )+""",
    re.VERBOSE,
)
OF_SOME_ENGINES: Final = [
    r"^\p{L}+$", r"^\u0041$", r"(?=a)b", r"(?<name>a)", r"^[^\uD800-\uDFFF]$", r"a/b", r"[/]", r"\d", r"\w+",
    r"^a{2000}$", "^[\U00010000-\U0010ffff]$", "^\u00e9$",
]  # fmt: skip


def is_common(pattern: str) -> bool:
    """Whether an expression is within the common subset of ECMA 262, RE2, Python, PCRE and .NET."""
    return pattern.isascii() and COMMON.fullmatch(pattern) is not None and "(?=" not in pattern and "(?<" not in pattern


def test_there_are_expressions() -> None:
    """Of identifiers, orders' ids, paths, amounts, currencies, tags and keys."""
    assert len(PATTERNS) >= 7


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_expression_is_of_the_common_subset(pattern: str) -> None:
    """In Python's dialect and in one like RE2's it is read; what other dialects lack does not occur in it."""
    assert is_common(pattern)
    re.compile(pattern)
    linear = jsonschema_rs.RegexOptions()
    jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=linear)


@pytest.mark.parametrize("pattern", OF_SOME_ENGINES)
def test_what_only_some_engines_read_is_seen(pattern: str) -> None:
    """Properties, long escapes, look-ahead, names, slashes, classes that differ, long repeats, other letters."""
    assert not is_common(pattern)
