"""Follows a stream with sseclient-py on requests, which leaves it to its user to connect again."""

from __future__ import annotations

import sys
import time

import requests
from sseclient import SSEClient

from tests.integration.event_clients.in_python.told import PAUSE_SECONDS, tell


def follow(url: str) -> None:
    """Reconnect after every end and every error."""
    last_id = ""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        try:
            with requests.get(url, stream=True, headers=headers) as response:  # noqa: S113 - a stream has no end
                response.raise_for_status()
                for event in SSEClient(iter(response)).events():
                    tell(event.event, event.id, event.data)
                    last_id = event.id or last_id
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            pass
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    follow(sys.argv[1])
