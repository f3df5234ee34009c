"""The public interface as text, one line a signature: `python docs/public_api.py`; with `--check` only compare.

Public is what the doors export in `__all__`. The text is committed: a change of the interface shows as a change of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import griffe

from order_engine.domain.setting import Setting, settings_of

ROOT: Final = Path(__file__).parents[1]
SNAPSHOT: Final = ROOT / "tests" / "unit" / "doors" / "public_api.txt"
DOORS: Final = (
    "order_engine",
    "order_engine.ports",
    "order_engine.contracts",
    "order_engine.simulation",
    "order_engine.wire",
    "order_engine_adapters",
)
OURS: Final = ("order_engine.", "order_engine_adapters.")
CALLED_BY_SYNTAX: Final = frozenset({"__init__", "__call__", "__iter__", "__getitem__", "__len__"})
"""Methods that a program calls without their names, and whose arguments are therefore public."""


@cache
def public() -> Mapping[str, Mapping[str, griffe.Object]]:
    """Return what each door exports, by name."""
    loader = griffe.GriffeLoader(search_paths=[ROOT / "src", ROOT / "src" / "adapters"])
    packages = {name: loader.load(name) for name in ("order_engine", "order_engine_adapters")}
    loader.resolve_aliases()
    found: dict[str, dict[str, griffe.Object]] = {}
    for door in DOORS:
        package, _, rest = door.partition(".")
        module = packages[package][rest] if rest else packages[package]
        found[door] = {name: _target(module[name]) for name in import_module(door).__all__}
    return found


def members(of: griffe.Class) -> Iterator[griffe.Object]:
    """Yield the public members of a class in the order of the code, those of its bases of ours after its own.

    The tests of a contract and the rules of its state machine are left out: its user runs them and calls none.
    """
    for name, member in {**of.members, **of.inherited_members}.items():
        is_named = name in CALLED_BY_SYNTAX or not name.startswith(("_", "test_"))
        is_made = name == "__init__" and "dataclass" in of.labels
        target = _target(member) if is_named and not is_made else None
        if target is not None and target.path.startswith(OURS) and not _is_rule(target):
            yield target


def decorators(of: griffe.Object) -> Sequence[str]:
    """Return what decorates a class or a function."""
    return [f"@{each.value}" for each in of.decorators] if isinstance(of, griffe.Class | griffe.Function) else []


def declaration(of: griffe.Object) -> str:
    """Return one public name as it is declared, without its decorators and its body."""
    if isinstance(of, griffe.Class):
        return f"class {of.name}" + (f"({', '.join(map(str, of.bases))})" if of.bases else "")
    if isinstance(of, griffe.Function):
        return f"{'async ' if 'async' in of.labels else ''}def {of.signature()}"
    if not isinstance(of, griffe.Attribute):
        return of.name
    annotation = "" if of.annotation is None else f": {of.annotation}"
    return f"{of.name}{annotation}{'  # read-only' if 'property' in of.labels else _default(of)}"


def setting_of(of: griffe.Object) -> Setting | None:
    """Return the declaration of a field that is a setting."""
    if not isinstance(of.parent, griffe.Class):
        return None
    owner = getattr(import_module(of.module.path), of.parent.name, None)
    return settings_of(owner).get(of.name) if isinstance(owner, type) and is_dataclass(owner) else None


def lines() -> Iterator[str]:
    """Yield the whole interface, door by door."""
    for door, names in public().items():
        yield f"# {door}"
        for value in names.values():
            yield ""
            yield _line(value)
            if isinstance(value, griffe.Class):
                yield from (f"    {_line(member)}" for member in members(value))
        yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the snapshot, or with `--check` compare it; return the exit code."""
    text = "\n".join(lines())
    is_fresh = SNAPSHOT.exists() and SNAPSHOT.read_text(encoding="utf-8") == text
    if is_fresh:
        return 0
    name = SNAPSHOT.relative_to(ROOT)
    if "--check" in arguments:
        sys.stderr.write(f"The public interface is not what {name} says: run `make api` and look at the diff\n")
        return 1
    SNAPSHOT.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{name} was written\n")
    return 0


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object:
    return member.final_target if isinstance(member, griffe.Alias) else member


def _default(of: griffe.Attribute) -> str:
    if setting := setting_of(of):
        return f" = {setting.default_text}"
    is_set_by_init = of.annotation is None and of.labels == {"instance-attribute"}
    return "" if of.value is None or is_set_by_init else f" = {of.value}"


def _is_rule(of: griffe.Object) -> bool:
    return isinstance(of, griffe.Function) and any(
        each.callable_path.startswith("hypothesis.stateful.") for each in of.decorators
    )


def _line(of: griffe.Object) -> str:
    return " ".join([*decorators(of), declaration(of)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
