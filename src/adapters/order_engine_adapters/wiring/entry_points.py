"""Discovery of adapters by URL scheme among the entry points of installed packages."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar, cast

from order_engine import InvalidSetting
from order_engine.ports.adapters import QUEUES, REPOSITORIES, QueueOpener, RepositoryOpener, TimeLimited

SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*):")
"""RFC 3986, section 3.1."""

Opener = TypeVar("Opener", RepositoryOpener, QueueOpener)


def repository_opener(url: str) -> RepositoryOpener:
    """Return the opener for a repository URL. Raises InvalidSetting if no package provides the scheme."""
    return cast("RepositoryOpener", _load(REPOSITORIES, url, "repository"))


def queue_opener(url: str) -> QueueOpener:
    """Return the opener for a queue URL. Raises InvalidSetting if no package provides the scheme."""
    return cast("QueueOpener", _load(QUEUES, url, "queue"))


def limited(opener: Opener, request_seconds: float) -> Opener:
    """Return an opener whose calls end within the time limit of a request, where it can do that."""
    return opener.within(request_seconds) if isinstance(opener, TimeLimited) else opener


def has_queue(url: str) -> bool:
    """Return whether the scheme has its own queue."""
    return any(point.name == scheme_of(url) for point in entry_points(group=QUEUES))


def scheme_of(url: str) -> str:
    """Return the lower-case scheme before the colon, or an empty text."""
    # Not `urlsplit`: it raises for some URLs with a bracket in the password.
    scheme = SCHEME.match(url)
    return scheme[1].lower() if scheme else ""


def _load(group: str, url: str, kind: str) -> object:
    scheme = scheme_of(url)
    points = entry_points(group=group)
    for point in points:
        if point.name == scheme:
            return _loaded(point, kind)
    known = ", ".join(sorted({f"{point.name}://" for point in points})) or "none"
    # Only the scheme: the rest of the URL may contain a password.
    beginning = f"{scheme}:" if scheme else "no scheme"
    message = f"No installed package provides a {kind} for a URL with {beginning}. Available: {known}."
    raise InvalidSetting(message)


def _loaded(point: EntryPoint, kind: str) -> object:
    try:
        loaded: object = point.load()
    except Exception as error:
        package = point.dist.name if point.dist is not None else point.value
        message = f"Cannot import the {kind} for {point.name}: URLs from the package {package}: {error}"
        raise InvalidSetting(message) from error
    return loaded
