"""The settings that say who may use the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_engine import InvalidSetting
from order_engine_adapters import Settings
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.service.access import access_of
from order_engine_adapters.service.keys import KeyFile, add_key


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shop.example", "localhost.example"])  # noqa: S104 - tried here
def test_other_machines_get_in_with_keys_or_by_wish(host: str) -> None:
    """An address that others reach is refused without either, and the sentence names both."""
    with pytest.raises(InvalidSetting, match=r"--api-keys-file .*--allow-anonymous"):
        Settings.given(host=host)
    assert Settings.given(host=host, api_keys_file="keys.json").host == host
    assert Settings.given(host=host, allow_anonymous=True).host == host


def test_everybody_and_nobody_is_a_contradiction() -> None:
    """It is not for the service to choose."""
    with pytest.raises(InvalidSetting, match="set only one"):
        Settings.given(api_keys_file="keys.json", allow_anonymous=True)


@pytest.mark.parametrize(
    "origins",
    ["https://shop.example", "http://localhost:3000", "https://a.example, https://b.example:8443", "http://[::1]:3000"],
)
def test_origins_are_as_browsers_name_them(origins: str) -> None:
    """One or several."""
    access = access_of(Settings.given(cors_origins=origins), None, ManualClock())
    assert access.origins == set(origins.replace(" ", "").split(","))


@pytest.mark.parametrize(
    "origins",
    ["*", "https://*", "null", "shop.example", "https://shop.example/", "https://shop.example/a", "https://Shop.example",
     "https://shop.example:443", "http://shop.example:80", "https://u:hunter2@shop.example", "ftp://shop.example", ",",
     "https://a.example,", "https://ü.example", "https://shop.example?", "https://a.example https://b.example", " "],
)  # fmt: skip
def test_anything_else_is_no_origin(origins: str) -> None:
    """It would match nothing, or everything."""
    with pytest.raises(InvalidSetting, match="cors_origins"):
        Settings.given(cors_origins=origins)


def test_by_default_nothing_is_asked() -> None:
    """No keys, no rate, no other origins: then there is nothing in front of the routes either."""
    access = access_of(Settings.given(), None, ManualClock())
    assert not access.is_guarded
    assert access.origins == frozenset()


def test_the_settings_become_keys_and_rates(tmp_path: Path) -> None:
    """The rate by the clock that is given."""
    path = tmp_path / "keys.json"
    key = add_key(path, "shop", "read")
    settings = Settings.given(api_keys_file=str(path), rate_limit=0.5, rate_limit_clients=7)
    access = access_of(settings, KeyFile(path), ManualClock())
    assert access.keys is not None
    assert access.rates is not None
    assert access.keys.identify(key.encode()) is not None
    assert [access.rates.wait_of("a") for _ in range(2)] == [0.0, 2.0]


@pytest.mark.parametrize(
    ("name", "value"), [("rate_limit", -1), ("rate_limit", "inf"), ("workers", 0), ("workers", 257)]
)
def test_numbers_have_ranges(name: str, value: object) -> None:
    """What makes no sense is refused."""
    with pytest.raises(InvalidSetting, match=name):
        Settings.given(**{name: value})
