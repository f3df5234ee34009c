"""The settings that `open_engine` declares for type checkers are those that its engine keeps, with their types."""

from __future__ import annotations

from decimal import Decimal
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

from order_engine import ContentLimits, EngineOptions
from order_engine.domain.setting import settings_of
from order_engine_adapters import EngineSettings, Settings

TAKEN_BY_OPENING = {"queue_url", "require_durable", "no_migrate"}
"""What `open_engine` itself looks at, and the engine never sees."""


def _kept_by_the_engine() -> set[str]:
    """Return the settings that change what the engine is given."""
    return {setting.name for part in (EngineOptions, ContentLimits) for setting in settings_of(part).values()}


def _parts(annotation: object) -> set[object]:
    """Return the types that a union takes, or the only one."""
    return set(get_args(annotation)) if get_origin(annotation) in {Union, UnionType} else {annotation}


def test_every_setting_of_an_engine_is_declared_and_no_other() -> None:
    """A setting that is added to the engine has to be added for type checkers as well."""
    assert set(EngineSettings.__annotations__) == _kept_by_the_engine() | TAKEN_BY_OPENING


def test_each_has_the_type_of_its_declaration() -> None:
    """An amount may be an integer too; everything else is exactly what `Settings` says."""
    for name, annotation in get_type_hints(EngineSettings).items():
        declared = _parts(get_type_hints(Settings)[name])
        assert _parts(annotation) == declared | ({int} if Decimal in declared else set()), name
