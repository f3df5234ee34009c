"""The client's side of server-sent events: a strict parser (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

FIELDS = frozenset({"id", "event", "data", "retry"})


@dataclass(frozen=True)
class Sent:
    """A dispatched event with the id to resume from."""

    event_id: str
    type: str
    data: str

    def document(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Return the value of the data."""
        return json.loads(self.data)


class EventParser:
    """Takes a stream in pieces. What the standard would have a client ignore is an error here.

    So is what clients that differ from the standard take for something else: an empty line that ends no event, and a
    line behind the id of an event.
    """

    def __init__(self) -> None:
        """Begin before the first byte."""
        self.ready: Sent | None = None
        """The first event."""
        self.sent: list[Sent] = []
        """Those behind it."""
        self.comments: list[str] = []
        self.retry: int | None = None
        self.last_id = ""
        self._rest = b""
        self._fields: dict[str, str] = {}

    def feed(self, data: bytes) -> None:
        """Take the next bytes, and dispatch what they complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line.decode())

    def end(self) -> None:
        """Check that the stream ended behind a whole event."""
        assert self._rest == b""
        assert self._fields == {}

    @property
    def histories(self) -> dict[str, list[dict[str, Any]]]:
        """The events by order id, in the format of the history."""
        found: dict[str, list[dict[str, Any]]] = {}
        for each in self.sent:
            if each.type != "dropped":
                document = each.document()
                assert document["type"] == each.type
                found.setdefault(document.pop("order_id"), []).append(document)
        return found

    def _take(self, line: str) -> None:
        assert "\r" not in line
        assert "\0" not in line
        if not line:
            self._dispatch()
        elif line.startswith(":"):
            self.comments.append(line[1:].strip())
        else:
            name, separator, value = line.partition(": ")
            assert separator, line
            assert name in FIELDS, line
            assert name not in self._fields, line
            self._fields[name] = value

    def _dispatch(self) -> None:
        fields, self._fields = self._fields, {}
        assert "data" in fields, "an empty line ends an event"
        assert "id" not in fields or list(fields)[-1] == "id", fields
        if "retry" in fields:
            self.retry = int(fields["retry"])
        self.last_id = fields.get("id", self.last_id)
        event = Sent(self.last_id, fields["event"], fields["data"])
        if event.type == "ready":
            assert self.ready is None
            assert fields["id"]
            self.ready = event
        else:
            self.sent.append(event)
        assert self.ready is not None, "the first event of a stream is its beginning"
