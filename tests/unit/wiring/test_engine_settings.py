"""The settings that `open_engine` declares for type checkers are those that its engine keeps, with their types."""

from __future__ import annotations

from decimal import Decimal
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

from order_engine_adapters import EngineSettings, Settings

TAKEN_BY_OPENING = {"queue_url", "require_durable", "no_migrate"}
"""What `open_engine` itself looks at, and the engine never sees."""


def _kept_by_the_engine() -> set[str]:
    """Return the settings that change what the engine is given."""
    plain = Settings.given()
    return {
        name
        for name, value in plain
        if isinstance(value, int | float | Decimal)
        and not isinstance(value, bool)
        and plain.model_copy(update={name: value + 1}).options != plain.options
    }


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
