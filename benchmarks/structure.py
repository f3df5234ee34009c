"""The shape of the code, counted from its syntax trees, beside what was counted of comparable projects in 2026.

Run from the root of the repository: `python -m benchmarks.structure`. Ends with an error where imports go in a circle.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from benchmarks.imports import Module, cycles, load
from benchmarks.report import table

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip
TENTHS = 10

MEASURES = (
    "file lines, median / max",
    "function lines, median / p90 / max",
    "docstrings / comments per 100 code lines",
    "methods of a port, median / max",
    "import cycles",
    "files",
)
OTHERS: Mapping[str, tuple[str, ...]] = {
    "pgqueuer": ("50 / 1,083", "8 / 29 / 369", "41 % / 1.9", "- / 38", "-", "-"),
    "eventsourcing": ("263 / 1,618", "7 / 32 / 282", "60 % / 5.8", "-", "-", "-"),
    "svcs": ("273 / 1,199", "10 / 30 / 95", "49 % / 3.6", "-", "-", "-"),
    "river (Go)": ("141 / 3,025", "8 / 40 / 1,078", "- / 27", "- / 61", "-", "-"),
    "oban (Elixir)": ("100 / 1,787", "5 / 18 / 85", "every callback / -", "- / 25", "-", "-"),
    "library (Java)": ("27 / 247", "4.5 / 9 / 16", "- / 0.3", "1 to 2", "-", "-"),
}
"""Counted in the projects' own files in 2026, not here; where a language has no such thing, there is none."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What was counted over some modules."""

    file_lines: Sequence[int]
    function_lines: Sequence[int]
    documented: float
    comments: float
    port_methods: Sequence[int]
    circles: Sequence[Sequence[str]]
    circles_of_types: Sequence[Sequence[str]]
    """Circles that exist only under TYPE_CHECKING: no interpreter ever walks them."""


def shape(modules: Mapping[str, Module]) -> Shape:
    """Count everything over `modules`."""
    trees = [module.tree for module in modules.values()]
    circles = cycles({name: module.imports for name, module in modules.items()})
    with_types = cycles({name: module.imports | module.type_imports for name, module in modules.items()})
    return Shape(
        file_lines=[module.text.count("\n") for module in modules.values()],
        function_lines=[lines(node) for tree in trees for node in ast.walk(tree) if isinstance(node, FUNCTIONS)],
        documented=_documented(trees),
        comments=_comments(list(modules.values())),
        port_methods=[count for tree in trees for count in _protocols(tree)],
        circles=circles,
        circles_of_types=[circle for circle in with_types if circle not in circles],
    )


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its decorators and docstring included."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return (node.end_lineno or node.lineno) - first + 1


def _documented(trees: Sequence[ast.Module]) -> float:
    """Return the share of modules, classes and functions that have a docstring."""
    places = [node for tree in trees for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    return sum(ast.get_docstring(place) is not None for place in places) / max(len(places), 1)


def _comments(modules: Sequence[Module]) -> float:
    """Return the comments per 100 lines of code: lines that hold neither only a comment nor only a docstring."""
    comments = code = 0
    for module in modules:
        tokens = list(tokenize.generate_tokens(io.StringIO(module.text).readline))
        comments += sum(token.type == tokenize.COMMENT for token in tokens)
        occupied = {line for token in tokens if token.type not in NO_CODE for line in _span(token)}
        code += len(occupied - set(_docstring_lines(module.tree)))
    return 100 * comments / max(code, 1)


def _span(token: tokenize.TokenInfo) -> range:
    return range(token.start[0], token.end[0] + 1)


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    """Go through the lines of all strings that stand as statements of their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _protocols(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(_is_protocol(base) for base in node.bases):
            yield sum(isinstance(member, FUNCTIONS) for member in node.body)


def _is_protocol(base: ast.expr) -> bool:
    name = base.value if isinstance(base, ast.Subscript) else base
    return isinstance(name, ast.Name) and name.id == "Protocol"


def _column(found: Shape, *, ports: bool) -> tuple[str, ...]:
    tenth = quantiles(found.function_lines, n=TENTHS)[-1]
    functions = f"{median(found.function_lines):g} / {tenth:.0f} / {max(found.function_lines):,}"
    methods = found.port_methods
    return (
        f"{median(found.file_lines):g} / {max(found.file_lines):,}",
        functions,
        f"{found.documented:.0%} / {found.comments:.1f}".replace("%", " %"),
        f"{median(methods):g} / {max(methods)}" if ports and methods else "-",
        str(len(found.circles)),
        str(len(found.file_lines)),
    )


def _modules() -> dict[str, dict[str, Module]]:
    adapters = ROOT / "src" / "adapters"
    return {
        "order_engine": load(
            {ROOT / "src" / "order_engine": ROOT / "src", adapters / "order_engine_adapters": adapters}
        ),
        "its tests": load({ROOT / "tests": ROOT}),
    }


def _circles(name: str, found: Shape) -> Iterable[str]:
    for circle in found.circles:
        yield f"{name}: a circle of imports: {' -> '.join(circle)}"
    for circle in found.circles_of_types:
        yield f"{name}: a circle under TYPE_CHECKING only: {' -> '.join(circle)}"


def main() -> None:
    """Count and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    shapes = {name: shape(modules) for name, modules in _modules().items()}
    own = {name: _column(found, ports=name == "order_engine") for name, found in shapes.items()}
    columns = {**own, **OTHERS}
    rows = [[measure, *(column[index] for column in columns.values())] for index, measure in enumerate(MEASURES)]
    print(table(["", *columns], rows))
    for name, found in shapes.items():
        for line in _circles(name, found):
            print(line)
    if any(found.circles for found in shapes.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
