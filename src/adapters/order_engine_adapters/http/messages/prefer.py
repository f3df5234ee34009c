"""What clients would rather have: the header field `Prefer` (RFC 7240)."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Scope

from order_engine_adapters.http.messages.requests import header_values

LONGEST: Final = 1000
"""Bytes of the field. Whoever sends more is not heard: to find where each quoted value ends would take ever longer."""
QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def prefers(scope: Scope, name: bytes) -> bool:
    """Whether the client states a preference that has no value. `name` is in lower case; what is not known is ignored.

    A preference with an empty value is one without (section 2), and parameters change nothing that is known here.
    """
    given = b",".join(header_values(scope, b"prefer"))
    if not given or len(given) > LONGEST:
        return False
    return any(_bare(each) == name for each in QUOTED.sub(_without_marks, given).split(b","))


def _without_marks(quoted: re.Match[bytes]) -> bytes:
    """Return what stands for a quoted value: nothing for an empty one, and no comma or semicolon for any."""
    return b"" if quoted[0] == b'""' else b"?"


def _bare(preference: bytes) -> bytes | None:
    stated, _, value = preference.partition(b";")[0].partition(b"=")
    return None if value.strip() else stated.strip().lower()
