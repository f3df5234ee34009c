"""What is public can be imported from a door: each name, and every class of ours that a public signature names."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.metadata import version
from typing import TypeVar, get_args

import pytest
from hypothesis.stateful import RULE_MARKER

import order_engine
import order_engine_adapters
from docs.public_api import DOORS
from tests.unit.doors.doors import exports

PUBLIC = {id(value): name for door in DOORS for name, value in exports(door).items()}
CALLED_BY_SYNTAX = frozenset({"__init__", "__call__", "__aenter__", "__iter__", "__getitem__"})
"""Methods that a user calls without their names."""


def _is_ours(value: object) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] in {"order_engine", "order_engine_adapters"}


def _parts(annotation: object) -> Iterator[object]:
    """Yield the classes and types that an annotation is made of."""
    if isinstance(annotation, list | tuple):
        for each in annotation:
            yield from _parts(each)
    elif arguments := get_args(annotation):
        for each in arguments:
            yield from _parts(each)
    else:
        yield annotation


def _hints(of: Callable[..., object] | type) -> Iterator[object]:
    for name, hint in inspect.get_annotations(of, locals={}, eval_str=True).items():
        if not name.startswith("_"):
            yield from _parts(hint)


def _functions(of: type) -> Iterator[Callable[..., object]]:
    """Yield the functions behind the public members of a class, save the rules that hypothesis alone calls."""
    for name, member in vars(of).items():
        if name.startswith("_") and name not in CALLED_BY_SYNTAX:
            continue
        if isinstance(member, property) and member.fget is not None:
            yield member.fget
        elif isinstance(member, cached_property):
            yield member.func
        elif not hasattr(member, RULE_MARKER):
            function = inspect.unwrap(getattr(member, "__func__", member))
            if inspect.isfunction(function):
                yield function


def _named_in(value: object) -> Iterator[object]:
    """Yield every type that the signatures of a public name are made of."""
    if inspect.isclass(value):
        for base in filter(_is_ours, value.__mro__):
            yield from _hints(base)
            for function in _functions(base):
                yield from _hints(function)
    elif inspect.isfunction(value):
        yield from _hints(inspect.unwrap(value))
    else:
        yield from _parts(value)


SIGNATURES = [
    pytest.param(value, id=f"{door}.{name}")
    for door in DOORS
    for name, value in exports(door).items()
    if _is_ours(value) or get_args(value)
]


@pytest.mark.parametrize("value", SIGNATURES)
def test_what_a_public_signature_names_is_public(value: object) -> None:
    """Otherwise its user could not annotate a variable with it, or make one to pass it in."""
    named = {part for part in _named_in(value) if _is_ours(part) and not isinstance(part, TypeVar)}
    assert not {part for part in named if id(part) not in PUBLIC}


@pytest.mark.parametrize("door", DOORS)
def test_a_door_exports_each_name_once_and_in_order(door: str) -> None:
    """Also those that are imported when they are first asked for."""
    names: list[str] = sys.modules[door].__all__
    assert len(set(names)) == len(names)
    assert all(value is not None for value in exports(door).values())


def test_the_version_is_the_one_that_is_installed() -> None:
    """As package managers know it."""
    assert order_engine.__version__ == version("order-engine")


@pytest.mark.parametrize("module", [order_engine, order_engine_adapters])
def test_a_name_that_does_not_exist_is_said_as_python_says_it(module: object) -> None:
    """Whoever asks `hasattr` gets an answer."""
    assert not hasattr(module, "no_such_name")


@pytest.mark.parametrize(
    ("names", "untouched"),
    [
        ("SystemClock, MemoryRepository", {"starlette", "pydantic", "asyncpg", "dependency_injector"}),
        ("create_app", {"pydantic", "asyncpg", "dependency_injector"}),
    ],
)
def test_a_program_loads_only_the_adapters_that_it_imports(names: str, untouched: set[str]) -> None:
    """In a process of its own: this one has loaded everything."""
    program = f"import sys\nfrom order_engine_adapters import {names}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own program
    assert untouched.isdisjoint(loaded.split())


def test_a_package_is_an_attribute_before_any_name_is_used() -> None:
    """`import order_engine` is enough for `order_engine.ports`."""
    program = "import order_engine; print(order_engine.ports.OrderQueue.__name__)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own program
    assert printed == "OrderQueue\n"
