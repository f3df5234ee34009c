"""Settings: where each comes from, what it may be, and what an error may say."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from order_engine import ContentLimits, EngineOptions, InvalidSetting
from order_engine.domain.setting import settings_of
from order_engine_adapters import Settings
from order_engine_adapters.settings.variables import PREFIX, Origin, origins, variable

SECRET = "hunter2"  # noqa: S105 - not a password of anything

INTERFACE_DEFAULTS = {
    "database_url": "sqlite:///order_engine.db",
    "queue_url": None,
    "concurrency": 1000,
    "lease_seconds": 30,
    "max_attempts": 5,
    "max_deliveries": 10,
    "attempt_seconds": 900,
    "backoff_seconds": 0.5,
    "backoff_cap_seconds": 60,
    "poll_seconds": 1,
    "request_seconds": 10,
    "grace_seconds": 20,
    "max_waiting": 10_000,
    "processor": "demo",
    "host": "127.0.0.1",
    "port": 8000,
    "url": None,
    "api_key": None,
    "allow_anonymous": False,
    "max_body_bytes": 1024 * 1024,
    "max_batch_bytes": 64 * 1024 * 1024,
    "body_seconds": 10,
}
"""The table of the outside interface, as far as these settings go."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without any variable of ours."""
    import os  # noqa: PLC0415 - the only place that looks at the real environment

    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_are_those_of_the_interface() -> None:
    """What the interface promises is what there is without anybody saying anything."""
    settings = Settings.from_environment()
    assert {name: getattr(settings, name) for name in INTERFACE_DEFAULTS} == INTERFACE_DEFAULTS
    assert settings == Settings.given()


def test_the_defaults_are_those_of_the_engine() -> None:
    """Every option of the engine is a setting, and both have one default."""
    assert Settings.given().options == EngineOptions()
    options = {option.name for option in fields(EngineOptions)} - {"content"}
    assert options <= settings_of(Settings).keys()


def test_every_limit_of_the_content_is_a_setting() -> None:
    """Changing each one changes the limits that the engine gets."""
    limits = Settings.given(
        max_identifier_characters=1,
        max_items=2,
        max_total_amount=3,
        max_amount_decimals=4,
        max_attributes_bytes=5,
        max_nesting=6,
        max_number_characters=7,
    ).options.content
    assert [getattr(limits, limit.name) for limit in fields(ContentLimits)] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("name", [option.name for option in fields(EngineOptions) if option.name != "content"])
def test_every_option_reaches_the_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also out of the environment."""
    monkeypatch.setenv(variable(name), "3")
    assert getattr(Settings.from_environment().options, name) == 3


def test_flags_win_over_the_environment_and_the_environment_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source is overruled by the one before it."""
    (folder / ".env").write_text("ORDER_ENGINE_CONCURRENCY=1\nORDER_ENGINE_THREADS=1\nORDER_ENGINE_MAX_ATTEMPTS=1\n")
    monkeypatch.setenv("ORDER_ENGINE_THREADS", "2")
    monkeypatch.setenv("ORDER_ENGINE_MAX_ATTEMPTS", "2")
    settings = Settings.from_environment(max_attempts=3)
    assert (settings.concurrency, settings.threads, settings.max_attempts) == (1, 2, 3)


def test_given_does_not_read_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that opens an engine gets what it wrote down, wherever it runs; a misspelt variable is none of its."""
    (folder / ".env").write_text("ORDER_ENGINE_CONCURRENCY=1\n")
    monkeypatch.setenv("ORDER_ENGINE_CONCURRENCY", "2")
    monkeypatch.setenv("ORDER_ENGINE_MISSPELT", "2")
    assert Settings.given().concurrency == 1000


@pytest.mark.parametrize("name", ["ORDER_ENGINE_CONCURENCY", "order_engine_concurency"])
def test_a_misspelt_variable_is_an_error_with_a_suggestion(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence would run with the default."""
    monkeypatch.setenv(name, "7")
    with pytest.raises(InvalidSetting, match="Did you mean ORDER_ENGINE_CONCURRENCY"):
        Settings.from_environment()


def test_the_suggestion_is_the_setting_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variable there is instead."""
    monkeypatch.setenv("ORDER_ENGINE_LEASE_SECOND", "7")
    with pytest.raises(InvalidSetting, match="Did you mean ORDER_ENGINE_LEASE_SECONDS"):
        Settings.from_environment()


def test_a_misspelt_variable_in_the_file_is_an_error_too(folder: Path) -> None:
    """The file is no place for silence either."""
    (folder / ".env").write_text("ORDER_ENGINE_CONCURENCY=7\n")
    with pytest.raises(InvalidSetting, match="Did you mean ORDER_ENGINE_CONCURRENCY"):
        Settings.from_environment()


def test_other_peoples_variables_are_harmless(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` is shared by many programs, and so is the environment."""
    (folder / ".env").write_text("CONCURRENCY=7\nDJANGO_SECRET=x\nORDER_ENGINE_THREADS=5\nORDER_ENGINEER=1\n")
    monkeypatch.setenv("CONCURRENCY", "8")
    settings = Settings.from_environment()
    assert (settings.concurrency, settings.threads) == (1000, 5)


def test_a_setting_that_does_not_exist_is_an_error_with_a_suggestion() -> None:
    """Also where a program gives it."""
    with pytest.raises(InvalidSetting, match="Did you mean concurrency"):
        Settings.given(concurency=7)
    with pytest.raises(InvalidSetting, match="Unknown setting xyz"):
        Settings.from_environment(xyz=7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", 0),
        ("concurrency", -1),
        ("concurrency", 1.5),
        ("concurrency", "many"),
        ("concurrency", ""),
        ("concurrency", None),
        ("lease_seconds", 0),
        ("lease_seconds", float("nan")),
        ("lease_seconds", float("inf")),
        ("lease_seconds", 1e300),
        ("attempt_seconds", -1),
        ("max_nesting", 1),
        ("max_nesting", 201),
        ("max_total_amount", 0),
        ("max_total_amount", "NaN"),
        ("max_amount_decimals", 19),
        ("port", -1),
        ("port", 65_536),
        ("port", ""),
        ("host", ""),
        ("processor", ""),
        ("database_url", ""),
        ("allow_anonymous", "perhaps"),
        ("max_body_bytes", 0),
    ],
    ids=repr,
)
def test_values_out_of_range_are_errors_that_name_the_setting(name: str, value: object) -> None:
    """One sentence says which setting, and what is wrong with it."""
    with pytest.raises(InvalidSetting, match=name) as error:
        Settings.given(**{name: value})
    assert "\n" not in str(error.value)


def test_a_wrong_value_in_the_environment_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it comes from."""
    monkeypatch.setenv("ORDER_ENGINE_CONCURRENCY", "many")
    with pytest.raises(InvalidSetting, match="concurrency"):
        Settings.from_environment()


@pytest.mark.parametrize("name", ["database_url", "queue_url"])
@pytest.mark.parametrize("kind", [bytearray, list, dict], ids=lambda kind: kind.__name__)
def test_no_error_tells_a_secret(name: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL holds a password: no error, no cause and no context of one repeats it, whatever was wrong with it."""
    url = f"postgresql://user:{SECRET}@host/db"
    monkeypatch.setenv("ORDER_ENGINE_DATABASE_URL", url)
    value = {"url": url} if kind is dict else [url] if kind is list else bytearray(url.encode("utf-16"))
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment(**{name: value})
    raised: BaseException | None = error.value
    while raised is not None:
        assert SECRET not in str(raised)
        assert SECRET.encode("utf-16-le").decode("latin-1") not in str(raised)
        raised = raised.__cause__ or (None if raised.__suppress_context__ else raised.__context__)


def test_no_error_about_another_setting_tells_a_secret() -> None:
    """The URL is valid, something else is not: the URL is not repeated."""
    with pytest.raises(InvalidSetting) as error:
        Settings.given(database_url=f"postgresql://user:{SECRET}@host/db", concurrency=0)
    assert SECRET not in str(error.value)


def test_settings_cannot_be_changed() -> None:
    """What was checked stays as it was checked."""
    settings = Settings.given()
    with pytest.raises(FrozenInstanceError):
        settings.concurrency = 0  # type: ignore[misc] # that it cannot be done is what is tested


@pytest.mark.parametrize(
    "host",
    ["::", "192.0.2.1", "shop.example", "127.0.0.1.example", "::ffff:192.0.2.1"],
)
def test_a_host_that_others_reach_needs_a_word(host: str) -> None:
    """There are no keys yet: everybody who reaches the host could place and cancel orders."""
    with pytest.raises(InvalidSetting, match="--allow-anonymous"):
        Settings.given(host=host)
    assert Settings.given(host=host, allow_anonymous=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])
def test_a_loopback_host_needs_none(host: str) -> None:
    """Only this machine reaches it."""
    assert Settings.given(host=host).host == host


@pytest.mark.parametrize("name", ["concurrency", "lease_seconds", "port", "host", "database_url", "allow_anonymous"])
def test_an_empty_variable_is_an_error_that_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable: the default would be silence."""
    monkeypatch.setenv(variable(name), "")
    with pytest.raises(InvalidSetting, match=f"{name} must not be empty.*{variable(name)}"):
        Settings.from_environment()


@pytest.mark.parametrize("name", ["queue_url", "url", "api_key"])
def test_an_empty_variable_switches_an_optional_setting_off(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the environment can overrule what `.env` says."""
    (folder / ".env").write_text(f"{variable(name)}=http://127.0.0.1:7\n")
    assert getattr(Settings.from_environment(), name) is not None
    monkeypatch.setenv(variable(name), "")
    assert getattr(Settings.from_environment(), name) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://shop.example/engine", "http://[::1]:8000/"])
def test_the_url_of_a_service(url: str) -> None:
    """What the commands can talk to."""
    assert Settings.given(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "http://",
        "http://host:x",
        "http://host:0",
        "http://host:65536",
        "http://[::1",
        "ftp://host",
        f"http://user:{SECRET}@host",
        f"http://user:{SECRET}",
        f"http://host?{SECRET}",
        f"http://host/#{SECRET}",
        f"http://host/{SECRET}\r\n",
        f"http://host/ {SECRET}",
        f"http://hœst/{SECRET}",
    ],
)
def test_a_url_of_no_service_is_an_error_without_secrets(url: str) -> None:
    """One sentence that does not repeat it."""
    with pytest.raises(InvalidSetting, match="Setting url must") as error:
        Settings.given(url=url)
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", [f"{SECRET} x", f"{SECRET}\n", f"{SECRET}é"])
def test_a_key_that_no_header_carries_is_an_error_that_does_not_tell_it(key: str) -> None:
    """Visible ASCII only."""
    with pytest.raises(InvalidSetting, match="api_key") as error:
        Settings.given(api_key=key)
    assert SECRET not in str(error.value)


def test_settings_do_not_show_secrets() -> None:
    """Neither the key nor the URLs stand in what is printed of settings by accident."""
    settings = Settings.given(
        api_key=SECRET, database_url=f"x://u:{SECRET}@h", queue_url=f"x://u:{SECRET}@h", url="http://127.0.0.1"
    )
    assert SECRET not in repr(settings)
    assert settings.api_key == SECRET


def test_each_value_has_an_origin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same that the value was taken from."""
    (folder / ".env").write_text("ORDER_ENGINE_PORT=1\norder_engine_threads=1\nORDER_ENGINE_MAX_ITEMS=1\n")
    monkeypatch.setenv("ORDER_ENGINE_PORT", "2")
    monkeypatch.setenv("order_engine_max_items", "2")
    found = origins(settings_of(Settings), {"max_items": "3"})
    assert found.keys() == settings_of(Settings).keys()
    assert {name: origin for name, origin in found.items() if origin is not Origin.DEFAULT} == {
        "port": Origin.ENVIRONMENT,
        "threads": Origin.FILE,
        "max_items": Origin.FLAG,
    }
    settings = Settings.from_environment(max_items="3")
    assert (settings.port, settings.threads, settings.max_items) == (2, 1, 3)


def test_a_file_that_is_no_text_is_an_error(folder: Path) -> None:
    """It names the file."""
    (folder / ".env").write_bytes(b"ORDER_ENGINE_PORT=\xff\n")
    with pytest.raises(InvalidSetting, match=r"\.env .*UTF-8"):
        Settings.from_environment()


def test_a_file_that_cannot_be_read_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""
    (folder / ".env").touch()
    failure = PermissionError(13, "Permission denied")
    monkeypatch.setattr("dotenv.dotenv_values", lambda *_, **__: (_ for _ in ()).throw(failure))
    with pytest.raises(InvalidSetting, match=r"\.env .*Permission denied"):
        Settings.from_environment()
