"""Choosing the form of an answer by the Accept field (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from starlette.types import Scope

from order_engine_adapters.http.messages.requests import MOST_RANGES, header_values

QUALITY: Final = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
EVERYTHING: Final = b"*/*"


class Form(NamedTuple):
    """A form that an answer may have: its media type, and its version where the type has some."""

    media_type: bytes
    version: bytes | None = None


class _Range(NamedTuple):
    """One range of the Accept field."""

    media_type: bytes
    version: bytes | None
    quality: float


def preferred_form(scope: Scope, forms: Sequence[Form]) -> Form | None:
    """Return the form that the client likes best, of several the first; None where it excludes all of them.

    No field, and an empty one, exclude none. Of the parameters of a media type only `version` and `q` count.
    """
    ranges = list(_ranges(b",".join(header_values(scope, b"accept"))))
    if not ranges:
        return forms[0]
    best = max(forms, key=lambda form: _quality(form, ranges))
    return best if _quality(best, ranges) > 0 else None


def names_only(scope: Scope, media_type: bytes) -> bool:
    """Whether the Accept field names this media type and nothing else."""
    ranges = list(_ranges(b",".join(header_values(scope, b"accept"))))
    return bool(ranges) and all(each.media_type == media_type and each.quality > 0 for each in ranges)


def _ranges(accepted: bytes) -> Iterator[_Range]:
    for text in accepted.split(b",", MOST_RANGES)[:MOST_RANGES]:
        media_type, *rest = (part.strip().lower() for part in text.split(b";"))
        if media_type:
            parameters = _parameters(rest)
            quality = parameters.get(b"q", b"")
            number = float(quality) if QUALITY.fullmatch(quality) else 1.0
            yield _Range(media_type, parameters.get(b"version"), number)


def _parameters(texts: Sequence[bytes]) -> Mapping[bytes, bytes]:
    pairs = (text.partition(b"=") for text in texts)
    return {name.strip(): value.strip().strip(b'"') for name, _, value in pairs}


def _quality(form: Form, ranges: Sequence[_Range]) -> float:
    """Return the quality that the range that fits most closely gives to a form; 0 where none fits."""
    family = form.media_type.partition(b"/")[0] + b"/*"
    fitting = [(closeness, each.quality) for each in ranges if (closeness := _closeness(form, family, each)) > 0]
    return max(fitting, default=(0, 0.0))[1]


def _closeness(form: Form, family: bytes, given: _Range) -> int:
    if given.version is not None and given.version != form.version:
        return 0
    if given.media_type == form.media_type:
        return 3 if given.version is None else 4
    return {family: 2, EVERYTHING: 1}.get(given.media_type, 0)
