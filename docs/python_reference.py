"""The reference of the Python interface, from the signatures and docstrings of all public names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import griffe

from docs.public_api import declaration, decorators, members, public, setting_of

GROUPS: Final = {
    "Run an engine": """order_engine_adapters: open_engine EngineSettings open_with Settings Schema Opened Container
        order_engine: OrderEngine EngineOptions Readiness InFlight""",
    "Place orders and read them": """order_engine: NewOrder Placed Order Status OrderList Attributes JsonInput JsonValue
        ContentLimits Statistics""",
    "Follow events": "order_engine: Event EventType EventPage Cursor",
    "Work on orders": "order_engine: OrderProcessor PlainProcessor Rejected RetryLater",
    "Handle errors": """order_engine: OrderEngineError TransientError Overloaded NotRunning Unavailable OrderBusy
        RepositoryHeld OutcomeUnknown WaitTimedOut CallerError InvalidOrder FieldError MalformedJson InvalidQuery
        InvalidCursor InvalidSetting OrderNotFound OrderConflict IdempotencyKeyReused ActionRefused VersionMismatch
        WrongEventLoop StoreRefused AdapterFault AttemptNotStarted""",
    "Serve HTTP in your own application": """order_engine_adapters: create_app create_health_app HttpLimits Access
        AccessScope Keys KeyRing StoredKey new_key Identity Rates Proxies""",
    "Read and write JSON": "order_engine.wire:",
    "Test your own code": """order_engine_adapters: ManualClock MemoryRepository MemoryQueue simulate Simulate
        order_engine.simulation:""",
    "Build an engine by hand": "order_engine_adapters: SystemClock SteadyClock",
    "Write an adapter": "order_engine.ports:",
    "Test an adapter": "order_engine.contracts:",
}
"""What a user wants to do, and the names for it, door by door; a door without names stands for all that are left."""
LONGEST_LINE: Final = 100


def python_reference() -> str:
    """Return every public name under what it is for. Raises ValueError for one that is under nothing."""
    left = {door: dict(names) for door, names in public().items()}
    parts = []
    seen: set[str] = set()
    for title, listing in GROUPS.items():
        parts.append(f"## {title}")
        for door, name in _listed(listing, left):
            value = left[door].pop(name)
            if value.path not in seen:
                seen.add(value.path)
                parts.extend(_entry(door, name, value))
    missing = [name for names in left.values() for name, value in names.items() if value.path not in seen]
    if missing:
        message = f"docs/python_reference.py puts these names under no title: {', '.join(missing)}"
        raise ValueError(message)
    return "\n\n".join(parts)


def _listed(listing: str, left: dict[str, dict[str, griffe.Object]]) -> Iterator[tuple[str, str]]:
    door = ""
    listed: dict[str, list[str]] = {}
    for word in listing.split():
        if word.endswith(":"):
            door = word.removesuffix(":")
            listed[door] = []
        else:
            listed[door].append(word)
    for each, names in listed.items():
        yield from ((each, name) for name in names or list(left[each]))


def _entry(door: str, name: str, value: griffe.Object) -> Iterator[str]:
    yield f"### {name}"
    yield f"```py\nfrom {door} import {name}\n\n{_code(value)}\n```"
    yield from _text(value)
    if isinstance(value, griffe.Class):
        found = list(members(value))
        fields = [member for member in found if not isinstance(member, griffe.Function)]
        if fields and not _has_page(value):
            yield "\n".join(map(_item, fields))
        for member in found:
            if isinstance(member, griffe.Function):
                yield f"```py\n{_code(member)}\n```"
                yield from _text(member)


def _has_page(of: griffe.Class) -> bool:
    """Whether the fields are listed in the reference of the settings."""
    return of.name in {"Settings", "EngineSettings"}


def _code(of: griffe.Object) -> str:
    return "\n".join([*decorators(of), _wrapped(declaration(of))])


def _wrapped(text: str) -> str:
    """Return a declaration, with a line for each parameter where it is long."""
    if len(text) <= LONGEST_LINE or (not text.endswith(")") and ") ->" not in text):
        return text
    head, _, rest = text.partition("(")
    parameters, _, tail = rest.rpartition(")" if text.endswith(")") else ") ->")
    depth, lines = 0, [""]
    for character in parameters:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            lines.append("")
        else:
            lines[-1] += character
    body = "".join(f"    {line.strip()},\n" for line in lines)
    return f"{head}(\n{body})" + (f" ->{tail}" if tail else "")


def _item(member: griffe.Object) -> str:
    text = " ".join(" ".join(_text(member)).split())
    if setting := setting_of(member):
        text = f"{setting.description} ({setting.allowed})"
    return f"- `{declaration(member)}`" + (f": {text}" if text else "")


def _text(value: griffe.Object) -> Iterator[str]:
    if value.docstring is not None:
        yield value.docstring.value
