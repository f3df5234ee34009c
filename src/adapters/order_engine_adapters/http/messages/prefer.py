"""Preferences of clients: the header `Prefer` (RFC 7240)."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Scope

from order_engine_adapters.http.messages.requests import header_values

LONGEST: Final = 1000
"""Maximum length in bytes. Longer values are ignored: finding the ends of quoted values takes superlinear time."""
QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def prefers(scope: Scope, name: bytes) -> bool:
    """Return whether the client states the preference `name`, in lower case and without a value. Others are ignored.

    A preference with an empty value counts as one without (section 2). Parameters are ignored.
    """
    given = b",".join(header_values(scope, b"prefer"))
    if not given or len(given) > LONGEST:
        return False
    return any(_bare(each) == name for each in QUOTED.sub(_without_marks, given).split(b","))


def _without_marks(quoted: re.Match[bytes]) -> bytes:
    """Return a replacement for a quoted value without commas and semicolons; nothing for an empty one."""
    return b"" if quoted[0] == b'""' else b"?"


def _bare(preference: bytes) -> bytes | None:
    stated, _, value = preference.partition(b";")[0].partition(b"=")
    return None if value.strip() else stated.strip().lower()
