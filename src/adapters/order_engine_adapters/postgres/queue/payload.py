"""What a notification carries: order ids as a JSON array, as many as fit.

In ASCII, so that a database of any encoding can carry it, and its length is its size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from order_engine.domain.content.text import stored_order_id_problem

LARGEST_PAYLOAD: Final = 7_999
"""Bytes: the server refuses 8,000."""


def encode(order_ids: Iterable[str]) -> str | None:
    """Return a payload with the first of these ids, up to its largest size; None where none of them fits.

    The others are dropped: whoever hears of some polls for the rest.
    """
    room = LARGEST_PAYLOAD - len("[]") + len(",")
    fitting: list[str] = []
    for order_id in order_ids:
        word = json.dumps(order_id)
        size = len(word) + len(",")
        if size <= room:
            fitting.append(word)
            room -= size
        elif fitting:
            break
    return f"[{','.join(fitting)}]" if fitting else None


def decode(payload: str) -> Sequence[str]:
    """Return the ids in a payload. Anybody may notify any channel, so what is no order id is passed over."""
    try:
        found: object = json.loads(payload)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, str) and not stored_order_id_problem(each)]
