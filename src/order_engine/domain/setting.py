"""Declaring a setting, once: as a field of the dataclass that uses it.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Options:
        lease_seconds: float = seconds(30.0, "Seconds before an order is taken from a worker that ...")

        def __post_init__(self) -> None:
            check(self)

`settings_of(Options)` returns the declarations. Environment variables, flags, `config show` and the reference page are
generated from them.
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
_DECLARED: dict[type, Mapping[str, Setting]] = {}
"""What `settings_of` has read, since it takes a millisecond for all settings."""


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
    """The declaration of one setting."""

    kind: type
    """bool, int, float, Decimal or str."""
    default: Any
    description: str
    """What users read: one sentence, with the unit, and with the meaning of 0 where 0 is special."""
    name: str = ""
    """The name of the setting, where its field has another."""
    minimum: float = 0
    maximum: float = inf
    exclusive_minimum: bool = False
    """Whether a number must be greater than `minimum`."""
    choices: tuple[str, ...] = ()
    """The allowed values of a text that is one of a list."""
    validator: Callable[[str], str] | None = None
    """Returns the value of a text. Raises ValueError; the message completes "Setting NAME must"."""
    metavar: str = ""
    """The placeholder of a text in the help."""
    group: Group = Group.WORK
    commands: Commands = RUNNING
    secret: bool = False
    """Whether a value may contain a secret. Errors do not show it."""
    flag: bool = True
    """Whether it is a flag of the command line. The value of a flag is visible in the list of processes."""

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return self.default is None

    @property
    def allowed(self) -> str:
        """The allowed values, such as `a whole number between 1 and 256`."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.kind in {bool, str}:
            return "true or false" if self.kind is bool else "a text"
        number = "a whole number" if self.kind is int else "a number"
        if self.exclusive_minimum:
            limit = "" if self.maximum == inf else f" and at most {self.maximum:,.15g}"
            return f"{number} greater than {self.minimum:g}{limit}"
        return f"{number} between {self.minimum:,g} and {self.maximum:,.15g}"

    @property
    def placeholder(self) -> str:
        """The placeholder of a value in the help; empty for a switch, which takes no value."""
        if self.kind in {bool, str}:
            return self.metavar
        unit = self.name.rpartition("_")[2].upper()
        return unit if unit in {"BYTES", "SECONDS"} else "NUMBER"

    @property
    def default_text(self) -> str:
        """The default as a flag or a variable would state it; `none` if there is none."""
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

    def invalid(self, value: object, requirement: str = "") -> InvalidSetting:
        """Return the error for a value. Without a `requirement` it names the allowed values."""
        given = "" if self.secret or value == "" else f", not {value if isinstance(value, Decimal) else repr(value)}"
        return InvalidSetting(f"Setting {self.name} must {requirement or f'be {self.allowed}'}{given}.")

    def _is_in_range(self, value: Any) -> bool:  # noqa: ANN401 - numbers of all kinds are compared
        kinds = {int: (int,), float: (int, float), Decimal: (int, Decimal)}
        if isinstance(value, bool) or not isinstance(value, kinds[self.kind]):
            return False
        if isinstance(value, Decimal) and not value.is_finite():
            # Comparing it would raise.
            return False
        return bool(self.minimum <= value <= self.maximum) and not (self.exclusive_minimum and value == self.minimum)


def declare(setting: Setting) -> Any:  # noqa: ANN401 - the field's own type, which the callers state
    """Return a field of a dataclass that declares a setting."""
    return field(default=setting.default, metadata={METADATA: setting}, repr=not setting.secret)


def count(default: int, description: str, *, minimum: int = 1, maximum: int = LARGEST_COUNT, **details: Any) -> int:  # noqa: ANN401 - fields of `Setting`
    """Declare a setting that is a whole number."""
    number: int = declare(
        Setting(kind=int, default=default, description=description, minimum=minimum, maximum=maximum, **details)
    )
    return number


def seconds(
    default: float,
    description: str,
    *,
    zero: bool = False,
    maximum: float = LONGEST_SECONDS,
    **details: Any,  # noqa: ANN401 - fields of `Setting`
) -> float:
    """Declare a setting that is a time in seconds; `zero` says whether it may be 0."""
    number: float = declare(
        Setting(
            kind=float, default=default, description=description, exclusive_minimum=not zero, maximum=maximum, **details
        )
    )
    return number


def declared_in(owner: type, name: str) -> Any:  # noqa: ANN401 - as in `declare`
    """Return a field for the setting that the field `name` of `owner` declares."""
    return declare(settings_of(owner)[name])


def settings_of(owner: type) -> Mapping[str, Setting]:
    """Return the settings that the fields of a dataclass declare, by field, in the order of their groups."""
    if owner not in _DECLARED:
        found = [(each.name, each.metadata[METADATA]) for each in fields(owner) if METADATA in each.metadata]
        found.sort(key=lambda pair: list(Group).index(pair[1].group))
        _DECLARED[owner] = {name: replace(setting, name=setting.name or name) for name, setting in found}
    return _DECLARED[owner]


def check(owner: object) -> None:
    """Check every setting of an instance of a dataclass. Raises InvalidSetting."""
    for name, setting in settings_of(type(owner)).items():
        setting.check(getattr(owner, name))
