"""Finding adapters by the scheme of their URL, among the entry points of every installed package."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast
from urllib.parse import urlsplit

from order_engine import InvalidSetting
from order_engine.ports.adapters import QUEUES, REPOSITORIES, QueueOpener, RepositoryOpener


def repository_opener(url: str) -> RepositoryOpener:
    """Return what opens the repository of this URL. Raises InvalidSetting where no package brings its scheme."""
    return cast("RepositoryOpener", _load(REPOSITORIES, url, "repository"))


def queue_opener(url: str) -> QueueOpener:
    """Return what opens the queue of this URL. Raises InvalidSetting where no package brings its scheme."""
    return cast("QueueOpener", _load(QUEUES, url, "queue"))


def has_queue(url: str) -> bool:
    """Whether the URL's scheme brings a queue of its own."""
    return any(point.name == scheme_of(url) for point in entry_points(group=QUEUES))


def scheme_of(url: str) -> str:
    """Return the scheme, the part before the colon."""
    return urlsplit(url).scheme


def _load(group: str, url: str, kind: str) -> object:
    scheme = scheme_of(url)
    points = entry_points(group=group)
    for point in points:
        if point.name == scheme:
            return point.load()
    known = ", ".join(sorted({f"{point.name}://" for point in points})) or "none"
    # The scheme alone: the rest of a URL may hold a password.
    beginning = f"{scheme}:" if scheme else "no scheme"
    message = f"No installed package brings a {kind} for a URL with {beginning}. Known: {known}."
    raise InvalidSetting(message)
