"""Which module imports which, read from the syntax trees, and the circles in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its text, its tree, and the modules of the same code base that it imports."""

    text: str
    tree: ast.Module
    imports: frozenset[str]
    type_imports: frozenset[str]
    """What it imports under TYPE_CHECKING only."""


def load(folders: Mapping[Path, Path]) -> dict[str, Module]:
    """Read all modules below each folder, named as from the root that stands beside it."""
    files = {_name(path.relative_to(root)): path for folder, root in folders.items() for path in folder.rglob("*.py")}
    return {name: _module(name, path, files) for name, path in sorted(files.items())}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(name: str, path: Path, files: Mapping[str, Path]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for_types = {id(node) for block in ast.walk(tree) if _is_for_types(block) for node in ast.walk(block)}
    found = [(target, id(node) in for_types) for node in ast.walk(tree) for target in _targets(node, package, files)]
    imports = frozenset(target for target, typing in found if not typing) - {name}
    return Module(text, tree, imports, frozenset(target for target, typing in found if typing) - imports - {name})


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _targets(node: ast.AST, package: str, known: Mapping[str, Path]) -> Iterator[str]:
    """Go through the known modules that an import statement names: `from x import y` is `x.y` where that is one."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, package)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            if inner in known:
                yield inner
            elif base in known:
                yield base


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    above = parents[: len(parents) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def cycles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Return every group of modules that import one another in a circle (R. Tarjan, 1972)."""
    search = _Search(graph)
    for name in graph:
        if name not in search.index:
            search.visit(name)
    return [sorted(group) for group in search.groups if len(group) > 1]


class _Search:
    def __init__(self, graph: Mapping[str, frozenset[str]]) -> None:
        self.index: dict[str, int] = {}
        self.groups: list[list[str]] = []
        self._graph = graph
        self._lowest: dict[str, int] = {}
        self._path: list[str] = []

    def visit(self, name: str) -> None:
        self.index[name] = self._lowest[name] = len(self.index)
        self._path.append(name)
        for target in sorted(self._graph[name]):
            if target not in self.index:
                self.visit(target)
                self._lowest[name] = min(self._lowest[name], self._lowest[target])
            elif target in self._path:
                self._lowest[name] = min(self._lowest[name], self.index[target])
        if self._lowest[name] == self.index[name]:
            start = self._path.index(name)
            self.groups.append(self._path[start:])
            del self._path[start:]
