"""One declaration makes a setting: its variable, its flag, its checks, its line in `config show` and in the docs."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

import click
import pytest
from click.testing import CliRunner

from docs.generate import setting_table
from order_engine import ContentLimits, EngineOptions, InvalidSetting
from order_engine.domain.setting import Commands, Group, count, settings_of
from order_engine_adapters.cli.commands import configuration
from order_engine_adapters.cli.flags import SettingCommand, flags_of, with_settings
from order_engine_adapters.http import ConnectionLimits, HttpLimits
from order_engine_adapters.settings import Settings

ROOT = Path(__file__).parents[3]
PARTS = (EngineOptions, ContentLimits, HttpLimits, ConnectionLimits)
NAMES = list(settings_of(Settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreSettings(Settings):
    """The settings, and one that was declared just now."""

    coffee_breaks: int = count(3, "Coffee breaks per hour.", maximum=60, group=Group.WORK, commands=Commands.WORKER)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_setting_is_read_from_its_variable_and_its_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name makes both; what it may be is checked."""
    assert MoreSettings.from_environment().coffee_breaks == 3
    monkeypatch.setenv("ORDER_ENGINE_COFFEE_BREAKS", "4")
    assert MoreSettings.from_environment().coffee_breaks == 4
    assert MoreSettings.from_environment(coffee_breaks="5").coffee_breaks == 5
    with pytest.raises(InvalidSetting, match="coffee_breaks must be a whole number between 1 and 60, not 61"):
        MoreSettings.from_environment(coffee_breaks="61")


def test_a_new_setting_is_a_flag_of_its_commands() -> None:
    """In its group of the help, with its default."""
    assert "coffee_breaks" in flags_of(Commands.WORKER, MoreSettings)
    assert "coffee_breaks" in flags_of(None, MoreSettings)
    assert "coffee_breaks" not in flags_of(Commands.SERVE, MoreSettings)
    given: list[Mapping[str, str]] = []
    command = click.command(cls=SettingCommand)(with_settings(Commands.WORKER, MoreSettings)(given.append))
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "--coffee-breaks NUMBER" in shown.partition("Work:")[2].partition("Limits:")[0]
    assert "Coffee breaks per hour. [3]" in " ".join(shown.split())
    CliRunner().invoke(command, ["--coffee-breaks", "7"])
    assert given == [{"coffee_breaks": "7"}]


def test_a_new_setting_is_in_what_config_show_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its value and its source."""
    monkeypatch.setattr(configuration, "Settings", MoreSettings)
    configuration.show({"coffee_breaks": "7"}, as_json=True)
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert {"name": "coffee_breaks", "value": 7, "source": "flag"} in settings


def test_a_new_setting_is_in_the_reference_page() -> None:
    """Flag, variable, default, allowed values and sentence."""
    row = (
        "| `coffee_breaks` | `--coffee-breaks` | `ORDER_ENGINE_COFFEE_BREAKS` | `3` | a whole number between 1 and 60 |"
    )
    assert f"{row} Coffee breaks per hour. |" in setting_table(MoreSettings).splitlines()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_part_of_the_program_has_the_declarations_of_the_settings(part: type) -> None:
    """Whichever of both states it: default, range and sentence are one."""
    of_settings = settings_of(Settings)
    for setting in settings_of(part).values():
        assert setting == of_settings[setting.name]
    assert Settings.given().part(part) == part()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_field_of_a_part_comes_from_its_setting(part: type) -> None:
    """A value that is set arrives; what is out of range is refused by the part itself as well."""
    declared = settings_of(part)
    assert {each.name for each in fields(part)} - {"content"} == declared.keys()
    for name, setting in declared.items():
        changed = Settings.given(**{setting.name: setting.default + 1})
        assert getattr(changed.part(part), name) == setting.default + 1
        with pytest.raises(InvalidSetting, match=f"{setting.name} must be"):
            part(**{name: -1})


@pytest.mark.parametrize("owner", [Settings, *PARTS], ids=lambda owner: owner.__name__)
def test_a_declaration_has_the_type_of_its_field(owner: type) -> None:
    """What is checked at run time is what type checkers see."""
    annotations = get_type_hints(owner)
    for name, setting in settings_of(owner).items():
        assert annotations[name] == (setting.kind | None if setting.optional else setting.kind), name


def test_every_setting_has_a_sentence() -> None:
    """One that begins with a capital and ends with a full stop; no two settings share one."""
    sentences = [setting.description for setting in settings_of(Settings).values()]
    assert [text for text in sentences if not (text[0].isupper() and text.endswith("."))] == []
    assert [text for text, times in Counter(sentences).items() if times > 1] == []


def test_nothing_is_declared_twice() -> None:
    """Each sentence is written once in the code, help and pages being made from it."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "src").rglob("*.py"))]
    texts = Counter(
        node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value
    )
    assert {name: texts[setting.description] for name, setting in settings_of(Settings).items()} == dict.fromkeys(
        NAMES, 1
    )
