"""Follows a stream with httpx-sse, which leaves it to its user to connect again."""

from __future__ import annotations

import sys
import time

import httpx
from httpx_sse import connect_sse

from tests.integration.event_clients.in_python.told import PAUSE_SECONDS, tell


def follow(url: str) -> None:
    """Reconnect after every end and every error."""
    last_id = ""
    with httpx.Client(timeout=None) as client:  # noqa: S113 - a stream goes on for as long as it likes
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                with connect_sse(client, "GET", url, headers=headers) as source:
                    for event in source.iter_sse():
                        tell(event.event, event.id, event.data)
                        last_id = event.id
            except httpx.TransportError:
                pass
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    follow(sys.argv[1])
