"""The declaration of a setting: one field of the frozen dataclass that uses it, and everything known about it.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Options:
        lease_seconds: float = seconds(30.0, "Seconds before an order is taken from a worker that ...")

        def __post_init__(self) -> None:
            check(self)

`settings_of(Options)` returns the declarations. The environment's variables, the flags of the command line, `config
show` and the reference page are made from them. Name, type and default are those of the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import Flag, StrEnum, auto
from math import inf
from typing import Any

from order_engine.domain.errors import InvalidSetting

MEBIBYTE = 1024 * 1024
LARGEST_COUNT = 1_000_000_000
LONGEST_SECONDS = 365 * 24 * 3600.0
METADATA = "setting"


class Group(StrEnum):
    """The sections of a command's help, in their order."""

    SERVICE = "Service"
    WORK = "Work"
    CONNECTIONS = "Connections"
    LIMITS = "Limits"


class Commands(Flag):
    """The commands that take a setting as a flag. `config show` takes every flag."""

    SERVE = auto()
    WORKER = auto()
    IMPORT = auto()
    OPERATE = auto()
    """`orders` and `metrics`."""
    MAINTAIN = auto()
    """`migrate` and `metrics rebuild`."""
    OPENAPI = auto()


RUNNING = Commands.SERVE | Commands.WORKER
PLACING = RUNNING | Commands.IMPORT
"""The commands that place orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known about one setting. Numbers are allowed from `least` to `most`."""

    kind: type
    """bool, int, float, Decimal or str."""
    default: Any
    sentence: str
    """What it is, for users: one sentence, with its unit, and what 0 means where 0 is special."""
    name: str = ""
    """The name of the setting, where its field has another."""
    least: float = 0
    most: float = inf
    above: bool = False
    """Whether a number has to be more than `least`."""
    words: tuple[str, ...] = ()
    """The allowed values of a text, where they are a list."""
    rule: Callable[[str], str] | None = None
    """Returns a text as it is kept. Raises ValueError; the message completes "Setting NAME must"."""
    metavar: str = ""
    """How the help calls a text."""
    group: Group = Group.WORK
    commands: Commands = RUNNING
    secret: bool = False
    """Whether a value may hold a secret; no error repeats it."""
    flag: bool = True
    """Whether the command line has a flag; a flag is seen in the list of processes."""

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return self.default is None

    @property
    def allowed(self) -> str:
        """The allowed values, such as `a whole number between 1 and 256`."""
        if self.words:
            return f"one of {', '.join(self.words)}"
        if self.kind in {bool, str}:
            return "true or false" if self.kind is bool else "a text"
        number = "a whole number" if self.kind is int else "a number"
        if self.above:
            limit = "" if self.most == inf else f" and at most {self.most:,.15g}"
            return f"{number} greater than {self.least:g}{limit}"
        return f"{number} between {self.least:,g} and {self.most:,.15g}"

    @property
    def placeholder(self) -> str:
        """How the help calls a value; empty for a switch, which takes none."""
        if self.kind in {bool, str}:
            return self.metavar
        unit = self.name.rpartition("_")[2].upper()
        return unit if unit in {"BYTES", "SECONDS"} else "NUMBER"

    @property
    def default_text(self) -> str:
        """The default as it would be written for a flag or a variable; `none` where there is none."""
        if self.default is None:
            return "none"
        if self.kind is bool:
            return str(self.default).lower()
        return f"{self.default:g}" if self.kind is float else str(self.default)

    def check(self, value: object) -> None:
        """Raise InvalidSetting for a value of another type, or out of range."""
        if value is None and self.optional:
            return
        of_kind = isinstance(value, self.kind) if self.kind in {bool, str} else self._is_in_range(value)
        if not of_kind:
            raise self.invalid(value)

    def invalid(self, value: object, duty: str = "") -> InvalidSetting:
        """Return the error that says what the setting must be, and what it is unless that may be secret."""
        given = "" if self.secret or value == "" else f", not {value if isinstance(value, Decimal) else repr(value)}"
        return InvalidSetting(f"Setting {self.name} must {duty or f'be {self.allowed}'}{given}.")

    def _is_in_range(self, value: Any) -> bool:  # noqa: ANN401 - numbers of all kinds are compared
        kinds = {int: (int,), float: (int, float), Decimal: (int, Decimal)}
        if isinstance(value, bool) or not isinstance(value, kinds[self.kind]):
            return False
        if isinstance(value, Decimal) and not value.is_finite():
            # Comparing it would raise.
            return False
        return bool(self.least <= value <= self.most) and not (self.above and value == self.least)


def declare(setting: Setting) -> Any:  # noqa: ANN401 - the field's own type, which the callers state
    """Return a field of a dataclass that declares a setting."""
    return field(default=setting.default, metadata={METADATA: setting}, repr=not setting.secret)


def count(default: int, sentence: str, *, least: int = 1, most: int = LARGEST_COUNT, **known: Any) -> int:  # noqa: ANN401 - fields of `Setting`
    """Declare a setting that is a whole number."""
    number: int = declare(Setting(kind=int, default=default, sentence=sentence, least=least, most=most, **known))
    return number


def seconds(
    default: float,
    sentence: str,
    *,
    zero: bool = False,
    most: float = LONGEST_SECONDS,
    **known: Any,  # noqa: ANN401 - fields of `Setting`
) -> float:
    """Declare a setting that is a time in seconds; `zero` says whether it may be 0."""
    number: float = declare(Setting(kind=float, default=default, sentence=sentence, above=not zero, most=most, **known))
    return number


def declared_in(owner: type, name: str) -> Any:  # noqa: ANN401 - as in `declare`
    """Return a field for the setting that the field `name` of `owner` declares."""
    return declare(settings_of(owner)[name])


def settings_of(owner: type) -> Mapping[str, Setting]:
    """Return the settings that the fields of a dataclass declare, by field, in the order of their groups."""
    found = [(each.name, each.metadata[METADATA]) for each in fields(owner) if METADATA in each.metadata]
    found.sort(key=lambda pair: list(Group).index(pair[1].group))
    return {name: setting if setting.name else replace(setting, name=name) for name, setting in found}


def check(owner: object) -> None:
    """Check every setting of an instance of a dataclass. Raises InvalidSetting."""
    for name, setting in settings_of(type(owner)).items():
        setting.check(getattr(owner, name))
