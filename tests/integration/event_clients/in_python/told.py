"""What each program writes: one line of JSON for every event that its client hands on, also for one without content."""

from __future__ import annotations

import json
import sys
from typing import Final

PAUSE_SECONDS: Final = 0.2
"""Before a program connects again where its client does not do so by itself."""


def tell(event_type: str | None, event_id: str | None, data: str | None) -> None:
    """Write an event; those without a type are called "message", as the standard has it."""
    told = {"type": event_type or "message", "id": event_id or "", "data": data or ""}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
