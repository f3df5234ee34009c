"""Follows a stream with requests-sse, which reconnects by itself."""

from __future__ import annotations

import sys

from requests_sse import EventSource

from tests.integration.event_clients.in_python.told import tell


def follow(url: str) -> None:
    """Take what comes."""
    with EventSource(url, max_connect_retry=10) as source:
        for event in source:
            tell(event.type, event.last_event_id, event.data)


if __name__ == "__main__":
    follow(sys.argv[1])
