"""Loading processors by name, and the errors."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from order_engine import InvalidSetting
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.demonstration import Demonstration
from order_engine_adapters.wiring.processors import load_processor

SHOP = """
    import functools

    async def fulfil(order): ...
    def plainly(order): ...
    def with_default(order, retries=3): ...
    def too_many(order, other): ...
    def nothing(): ...

    class Shop:
        async def fulfil(self, order): ...
        async def __call__(self, order): ...

    shop = Shop()
    partly = functools.partial(too_many, other=1)
    number = 7
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with modules in it, of which the interpreter knows nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in {"", "."}])
    (tmp_path / "my_shop.py").write_text(dedent(SHOP))
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").touch()
    (tmp_path / "my_package" / "work.py").write_text(dedent(SHOP))
    importlib.invalidate_caches()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("my_", "broken_"))]:
        del sys.modules[name]


def load(text: str) -> OrderProcessor | PlainProcessor | None:
    """Load a processor."""
    return load_processor(text, ManualClock())


@pytest.mark.parametrize(("text", "seconds"), [("demo", 2), ("demo:0", 0), ("demo:0.25", 0.25), ("demo:86400", 86_400)])
def test_the_demonstration_with_its_seconds(text: str, seconds: float) -> None:
    """Two where none are given."""
    processor = load(text)
    assert isinstance(processor, Demonstration)
    assert processor.seconds == seconds


@pytest.mark.parametrize("text", ["demo:", "demo:many", "demo:-1", "demo:nan", "demo:inf", "demo:86401", "demo:1e9"])
def test_seconds_that_make_no_sense_are_an_error(text: str) -> None:
    """The message has the range."""
    with pytest.raises(InvalidSetting, match="0 to 86400"):
        load(text)


def test_none_is_no_processor() -> None:
    """The process takes orders and leaves the work to others."""
    assert load("none") is None


@pytest.mark.parametrize(
    ("text", "is_coroutine"),
    [
        ("my_shop:fulfil", True),
        ("my_shop:plainly", False),
        ("my_shop:with_default", False),
        ("my_shop:partly", False),
        ("my_shop:shop", True),
        ("my_shop:shop.fulfil", True),
        ("my_package.work:fulfil", True),
        ("time:sleep", False),
    ],
)
def test_functions_in_the_working_directory_are_found(text: str, *, is_coroutine: bool) -> None:
    """Coroutine functions, plain ones, and methods of objects; also what is installed."""
    processor = load(text)
    assert processor is not None
    assert is_coroutine_processor(processor) is is_coroutine


def test_what_is_installed_wins_over_the_working_directory(folder: Path) -> None:
    """A file of the user's does not stand in for a module that others need."""
    (folder / "colorsys.py").write_text("def rgb_to_hsv(order): ...\n")
    sys.modules.pop("colorsys", None)
    with pytest.raises(InvalidSetting, match="one argument"):
        load("colorsys:rgb_to_hsv")
    load("my_shop:fulfil")
    load("my_package.work:fulfil")
    assert sys.path.count(str(folder)) == 1
    assert sys.path[-1] == str(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("fulfil", "use demo"),
        ("", "use demo"),
        (":fulfil", "use demo"),
        ("my_shop:", "use demo"),
        ("my_shop:ful fil", "use demo"),
        (".my_shop:fulfil", "use demo"),
        ("none:x", "module none is neither installed"),
        ("my_absent:fulfil", "module my_absent is neither installed nor in the working directory"),
        ("my_package.absent:fulfil", r"module my_package\.absent"),
        ("my_shop.work:fulfil", r"module my_shop\.work"),
        ("my_shop:absent", r"my_shop\.py has no absent"),
        ("my_shop:shop.absent", r"my_shop\.py has no absent"),
        ("my_shop:Shop", "is a class"),
        ("my_shop:number", "type int"),
        ("my_shop:too_many", "one argument"),
        ("my_shop:nothing", "one argument"),
        ("my_package:work", "has no work"),
    ],
)
def test_a_processor_that_is_none_is_an_error_that_says_why(text: str, problem: str) -> None:
    """One sentence, with the setting as it was given."""
    with pytest.raises(InvalidSetting, match=problem) as error:
        load(text)
    assert repr(text) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("import my_absent_library", "ModuleNotFoundError: No module named 'my_absent_library'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def fulfil(order:", "SyntaxError"),
        ("raise SystemExit(7)", "SystemExit: 7"),
        ("raise ValueError('one\\ntwo')", "ValueError: one two"),
    ],
)
def test_an_error_inside_the_module_is_told_apart_and_told(folder: Path, content: str, problem: str) -> None:
    """The module is there: what it lacks is named, on one line."""
    (folder / "broken_shop.py").write_text(content)
    with pytest.raises(InvalidSetting, match="importing broken_shop failed") as error:
        load("broken_shop:fulfil")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
