"""The text of a flag or a variable becomes a value, and a value becomes one of the setting's own type."""

from __future__ import annotations

from decimal import Decimal

import pytest

from order_engine import InvalidSetting
from order_engine.domain.setting import settings_of
from order_engine_adapters import Settings


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("concurrency", "7", 7),
        ("concurrency", " 7 ", 7),
        ("concurrency", "+7", 7),
        ("concurrency", "7.0", 7),
        ("concurrency", "1_000", 1000),
        ("concurrency", 7.0, 7),
        ("concurrency", Decimal(7), 7),
        ("lease_seconds", "7", 7.0),
        ("lease_seconds", "0.5", 0.5),
        ("lease_seconds", "1e3", 1000.0),
        ("lease_seconds", 7, 7.0),
        ("lease_seconds", Decimal("0.5"), 0.5),
        ("max_total_amount", "0.10", Decimal("0.10")),
        ("max_total_amount", 0.1, Decimal("0.1")),
        ("max_total_amount", "1e400", Decimal("1e400")),
        *[("no_migrate", text, True) for text in ("true", "TRUE", "1", "yes", "on", "t", "y")],
        *[("no_migrate", text, False) for text in ("false", "False", "0", "no", "OFF", "f", "n")],
        ("no_migrate", 1, True),
        ("no_migrate", 0, False),
        ("log_level", "DEBUG", "debug"),
        ("log_format", "Json", "json"),
        ("queue_url", "", None),
        ("queue_url", None, None),
        ("root_path", "/shop/api/", "/shop/api"),
    ],
)
def test_a_value_is_read(name: str, given: object, value: object) -> None:
    """It has the type of its setting, whatever it was given as."""
    found = getattr(Settings.given(**{name: given}), name)
    assert found == value
    assert found is None or type(found) is settings_of(Settings)[name].kind


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("concurrency", "7.5"),
        ("concurrency", "1e3"),
        ("concurrency", "0x10"),
        ("concurrency", "١٢"),
        ("concurrency", "9" * 5000),
        ("concurrency", True),
        ("concurrency", Decimal("7.5")),
        ("concurrency", Decimal("NaN")),
        ("concurrency", float("nan")),
        ("concurrency", float("inf")),
        ("concurrency", b"7"),
        ("lease_seconds", "soon"),
        ("lease_seconds", "nan"),
        ("lease_seconds", "1e400"),
        ("lease_seconds", True),
        ("max_total_amount", "Infinity"),
        ("max_total_amount", "sNaN"),
        ("no_migrate", "2"),
        ("no_migrate", 2),
        ("no_migrate", "perhaps"),
        ("log_level", "loud"),
        ("host", 7),
        ("host", b"localhost"),
    ],
    ids=lambda value: f"{value!r:.20}",
)
def test_other_values_are_refused(name: str, given: object) -> None:
    """One line names the setting and its allowed values."""
    with pytest.raises(InvalidSetting, match=rf"^Setting {name} must be [^\n]+\.$") as error:
        Settings.given(**{name: given})
    assert settings_of(Settings)[name].allowed in str(error.value)


def test_the_value_that_is_refused_is_shown() -> None:
    """As it was given; an amount as a number, and a secret not at all."""
    cases: list[tuple[dict[str, object], str]] = [
        ({"port": "many"}, "'many'"),
        ({"max_total_amount": Decimal(-1)}, "-1"),
    ]
    for given, shown in cases:
        with pytest.raises(InvalidSetting, match=f", not {shown}\\.$"):
            Settings.given(**given)
    with pytest.raises(InvalidSetting, match=r"^Setting database_url must be a text\.$"):
        Settings.given(database_url=7)
