"""The payload of a notification: order ids as a JSON array, as many as fit.

In ASCII, so that a database of any encoding can transport it and its length is its size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from order_engine.domain.content.text import stored_order_id_problem

LARGEST_PAYLOAD: Final = 7_999
"""Bytes. The server rejects 8,000."""


def encode(order_ids: Iterable[str]) -> str | None:
    """Return a payload with the first of these ids that fit, or None if none fits.

    The rest is dropped: a worker that receives some ids polls for the others.
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
    """Return the ids in a payload. Anyone can notify any channel, so invalid ids are ignored."""
    try:
        found: object = json.loads(payload)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, str) and not stored_order_id_problem(each)]
