"""Content negotiation by the Accept field (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from starlette.types import Scope

from order_engine_adapters.http.errors import NotAcceptable
from order_engine_adapters.http.messages.media_type import JSON_TYPE, LINES_TYPES, PROBLEM_TYPE, read_media_type
from order_engine_adapters.http.messages.requests import header_values

QUALITY: Final = re.compile(rb"0(?:\.[0-9]*)?|1(?:\.0*)?")
EVERYTHING: Final = b"*/*"
RELATED_TYPES: Final = (JSON_TYPE, PROBLEM_TYPE)
MAX_ACCEPT_RANGES: Final = 100
"""Maximum number of parsed ranges of an Accept field; browsers send fewer than ten."""


class Form(NamedTuple):
    """A media type of a response, with its version if the type has any."""

    media_type: bytes
    version: bytes | None = None


class _Range(NamedTuple):
    """One range of the Accept field."""

    media_type: bytes
    version: bytes | None
    quality: float


def check_json_accepted(scope: Scope) -> None:
    """Raise NotAcceptable if the client does not accept JSON."""
    check_accepted(scope, JSON_TYPE)


def check_accepted(scope: Scope, media_type: bytes) -> None:
    """Raise NotAcceptable if the client does not accept this media type. An absent or empty field accepts all.

    A client that accepts JSON or problem documents can parse the response and gets it, too.
    """
    accepted = header_values(scope, b"accept")
    if not accepted or accepted in ([EVERYTHING], [JSON_TYPE]):
        return
    best: dict[bytes, float] = {}
    for each in _ranges(accepted):
        best[each.media_type] = max(best.get(each.media_type, 0.0), each.quality)
    # The most specific range takes precedence.
    synonyms = LINES_TYPES if media_type in LINES_TYPES else ()
    names = (media_type, *synonyms, *RELATED_TYPES, _family(media_type), EVERYTHING)
    if best and not next((best[name] for name in names if name in best), 0.0):
        message = f"The Accept field excludes {media_type.decode()}, the media type of the response."
        raise NotAcceptable(message)


def preferred_form(scope: Scope, forms: Sequence[Form]) -> Form | None:
    """Return the media type that the client prefers, the first of several; None if it accepts none.

    An absent or empty field accepts all. Only the parameters `version` and `q` count.
    """
    ranges = list(_ranges(header_values(scope, b"accept")))
    if not ranges:
        return forms[0]
    best = max(forms, key=lambda form: _quality(form, ranges))
    return best if _quality(best, ranges) > 0 else None


def names_only(scope: Scope, media_type: bytes) -> bool:
    """Return whether the Accept field contains this media type and nothing else."""
    ranges = list(_ranges(header_values(scope, b"accept")))
    return bool(ranges) and all(each.media_type == media_type and each.quality > 0 for each in ranges)


def _ranges(fields: Sequence[bytes]) -> Iterator[_Range]:
    for text in b",".join(fields).split(b",", MAX_ACCEPT_RANGES)[:MAX_ACCEPT_RANGES]:
        name, pairs = read_media_type(text)
        if name:
            parameters = dict(pairs)
            quality = parameters.get(b"q", b"")
            number = float(quality) if QUALITY.fullmatch(quality) else 1.0
            yield _Range(name, parameters.get(b"version"), number)


def _quality(form: Form, ranges: Sequence[_Range]) -> float:
    """Return the quality of a media type by its most specific range, or 0 without a match."""
    family = _family(form.media_type)
    fitting = [(closeness, each.quality) for each in ranges if (closeness := _closeness(form, family, each)) > 0]
    return max(fitting, default=(0, 0.0))[1]


def _closeness(form: Form, family: bytes, given: _Range) -> int:
    if given.version is not None and given.version != form.version:
        return 0
    if given.media_type == form.media_type:
        return 3 if given.version is None else 4
    return {family: 2, EVERYTHING: 1}.get(given.media_type, 0)


def _family(media_type: bytes) -> bytes:
    return media_type.partition(b"/")[0] + b"/*"
