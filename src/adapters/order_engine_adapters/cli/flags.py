"""The flags of the settings, made of their declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import update_wrapper
from typing import Any

import click

from order_engine.domain.setting import Commands, Group, Setting, settings_of
from order_engine_adapters.settings import Settings

Flags = Mapping[str, str]
"""Settings from the command line, by name."""


def flags_of(commands: Commands | None, owner: type = Settings) -> Mapping[str, Setting]:
    """Return the settings that `commands` take as flags; None: all that are flags."""
    return {
        name: setting
        for name, setting in settings_of(owner).items()
        if setting.flag and (commands is None or commands in setting.commands)
    }


class SettingOption(click.Option):
    """The flag of one setting. The setting validates its text, like values from other sources."""

    def __init__(self, setting: Setting) -> None:
        """Make the flag of a setting."""
        self.group: Group = setting.group
        default = "" if setting.optional or setting.kind is bool else f" [{setting.default_text}]"
        switch: dict[str, Any] = {"is_flag": True, "flag_value": "true"} if setting.kind is bool else {}
        super().__init__(
            [f"--{setting.name.replace('_', '-')}", setting.name],
            type=str,
            default=None,
            metavar=setting.placeholder or None,
            help=f"{setting.description}{default}",
            **switch,
        )


class SettingCommand(click.Command):
    """A command whose help shows the flags of settings by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the settings by section."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                section = option.group if isinstance(option, SettingOption) else "Options"
                sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)


class SettingGroup(SettingCommand, click.Group):
    """A group that is also a command. Its help shows the settings, then the subcommands."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, then the subcommands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def with_settings(
    commands: Commands | None, owner: type = Settings
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of its settings, None: of all; it gets those that were used as its first argument."""
    chosen = flags_of(commands, owner)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:  # noqa: ANN401 - click's own parameters, by name
            flags = dict(_given(chosen, arguments))
            command(flags, **{name: value for name, value in arguments.items() if name not in chosen})

        update_wrapper(run, command)
        # click lists parameters in the reverse order of this list.
        options = [SettingOption(setting) for setting in reversed([*chosen.values()])]
        run.__click_params__ = [*options, *getattr(command, "__click_params__", [])]  # type: ignore[attr-defined]
        return run

    return decorate


def _given(names: Iterable[str], arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in names:
        if arguments[name] is not None:
            yield name, arguments[name]
