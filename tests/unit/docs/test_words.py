"""The words of the pages are those of the code: flags, variables, metrics, header fields, paths, files, names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import click
import pytest
from starlette.routing import Match, Route

from order_engine.domain.setting import settings_of
from order_engine_adapters import Settings
from order_engine_adapters.cli.program import program
from order_engine_adapters.http import create_app
from order_engine_adapters.http.service.metrics_text import described_metrics
from order_engine_adapters.settings.variables import variable
from tests.unit.application.bench import Bench, Work
from tests.unit.docs.pages import PAGES, ROOT, name_of, spans, text_of

OTHERS_FLAGS: Final[Mapping[str, str]] = {"--config-file": "schemathesis", "--no-buffer": "curl", "--pdb": "pytest"}
OTHERS_WORDS: Final[Mapping[str, str]] = {
    "autovacuum_naptime": "PostgreSQL",
    "batch_size": "PgQueuer",
    "defer_async": "Procrastinate",
    "handle_path": "Caddy",
    "max_prepared_statements": "PgBouncer",
    "mod_deflate": "Apache",
    "proxy_buffering": "nginx",
    "proxy_http": "Apache",
    "proxy_request_buffering": "nginx",
    "stock_adjustment": "the data set",
    "synchronous_standby_names": "PostgreSQL",
    "BrokenProcessPool": "Python",
    "ProcessPoolExecutor": "Python",
    "TimeoutStopSec": "systemd",
    "TraceContextTextMapPropagator": "OpenTelemetry",
}
"""Words of others, and whose they are."""
OTHERS_PATHS: Final = ("/shop/api",)
TEST_VARIABLES: Final = {"ORDER_ENGINE_TEST_POSTGRES", "ORDER_ENGINE_TEST_POSTGRES_VERSION"}
MADE_FILES: Final = {
    *("order_engine.db", "orders.jsonl.gz.refused.jsonl", "online_retail_2010-12.expected.json"),
    *("sbom.cdx.json", "licenses.md", "audit.json"),
}
"""What running the examples and the release script makes, and data that is not part of the project."""

FILE: Final = re.compile(r"[\w.-][\w./-]*\.(?:py|md|sql|json|toml|sh|txt)")
FOLDER: Final = re.compile(r"(?:src|docs|tests|examples|scripts|benchmarks|requirements)/[\w./-]*")
MODULE: Final = re.compile(r"\border_engine(?:_adapters)?(?:\.(?!db\b)[A-Za-z_]+)+")

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@cache
def source() -> str:
    """Return the text of everything that is no page: the code, the examples, and what builds them."""
    folders = ("src", "examples", "tests", "benchmarks", "scripts")
    kinds = ("*.py", "*.sql", "*.sh", "*.js", "*.html")
    files = [file for folder in folders for kind in kinds for file in (ROOT / folder).rglob(kind)]
    files += [ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "run"]
    here = Path(__file__).parent
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.parent != here)


@cache
def known_words() -> frozenset[str]:
    """Return every word of it."""
    return frozenset(re.findall(r"[A-Za-z0-9_]+", source()))


def flags_of(command: click.Command) -> Iterator[str]:
    """Yield the flags of a command and of all below it."""
    yield from ("--help", *(flag for parameter in command.params for flag in parameter.opts))
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from flags_of(below)


@every_page
def test_the_flags_of_a_page_are_flags(page: Path) -> None:
    """Of a command of ours, of a program of this project, or of another program that is named here."""
    if page.name in ("CONTRIBUTING.md", "release.md") or page.parent.name == "benchmarks":
        known = {*re.findall(r"--[a-z][a-z-]+", source()), *OTHERS_FLAGS}
    else:
        known = {*flags_of(program), *OTHERS_FLAGS}
    known |= {"--editable", "--group", "--database"} if page.name != "README.md" or page.parent != ROOT else set()
    assert sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text_of(page))) - known) == []


@every_page
def test_the_variables_of_a_page_are_settings(page: Path) -> None:
    """A misspelt one would be an error at the start."""
    known = {variable(name) for name in settings_of(Settings)} | TEST_VARIABLES
    found = set(re.findall(r"\bORDER_ENGINE_[A-Z_]+[A-Z]", text_of(page)))
    assert sorted(found - known) == []


@every_page
def test_the_metrics_of_a_page_are_metrics(page: Path) -> None:
    """By their whole names."""
    known = {name for name, _, _ in described_metrics()} | {"order_engine_adapters", "order_engine_error"}
    found = {word for span in spans(page) for word in re.findall(r"\border_engine_[a-z_]+\b(?!\.)", span)}
    assert sorted(found - known) == []


@every_page
def test_the_header_fields_of_a_page_are_known(page: Path) -> None:
    """Each is read or written by the service, whatever its case there."""
    fields = {found for span in spans(page) for found in re.findall(r"^([A-Z][A-Za-z]+(?:-[A-Z][A-Za-z]*)+)\b", span)}
    text = source().lower()
    assert sorted(field for field in fields if field.lower() not in text) == []


@every_page
def test_the_paths_of_a_page_are_served(page: Path) -> None:
    """Every path that a sentence writes as code is one that the application knows, with a method that it answers."""
    routes = [route for route in create_app(Bench().build(Work())).routes if isinstance(route, Route)]
    wrong = []
    for span in spans(page):
        found = re.fullmatch(r"(?:(GET|POST|HEAD|OPTIONS) )?(/[a-z{][^ ?]*|/)(?:\?[^ ]*)?", span)
        if found is None or found[2].startswith(OTHERS_PATHS):
            continue
        path = found[2].replace("{id}", "order1")
        scope = {"type": "http", "path": path, "root_path": "", "method": found[1] or "GET"}
        match = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
        if not match:
            wrong.append(span)
    assert wrong == []


@every_page
def test_the_files_of_a_page_are_there(page: Path) -> None:
    """In the project, or beside the page."""
    named = {span for span in spans(page) if FILE.fullmatch(span) or FOLDER.fullmatch(span)}
    missing = [name for name in named if not (ROOT / name).exists() and not (page.parent / name).exists()]
    assert sorted(set(missing) - MADE_FILES) == []


CORE: Final = "src/order_engine"
ADAPTERS: Final = "src/adapters/order_engine_adapters"


def packages() -> Iterator[tuple[str, str]]:
    """Yield every package of the code: its source folder, and its path below that."""
    for source in (CORE, ADAPTERS):
        for path in (ROOT / source).rglob("*/__init__.py"):
            yield source, path.parent.relative_to(ROOT / source).as_posix()


def test_every_package_is_in_the_table_of_what_is_where() -> None:
    """A newcomer finds each folder of the code under a question, and no folder that is gone."""
    page = text_of(ROOT / "docs" / "explanation" / "architecture.md")
    table = page.partition("## What is where")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([\w/]+)`", table)) - {CORE, ADAPTERS} == {name for _, name in packages()}


def test_every_top_level_package_is_in_the_table_of_contributing() -> None:
    """One line for each, and none for a package that is gone."""
    table = text_of(ROOT / "CONTRIBUTING.md").partition("## Structure")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(src/[\w/]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(f"{source}/{name}" for source, name in packages() if "/" not in name)


@every_page
def test_the_modules_of_a_page_are_there(page: Path) -> None:
    """With what is named in them."""
    found = {name for span in spans(page) for name in MODULE.findall(span)}
    assert [name for name in sorted(found) if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    module, _, rest = name.rpartition(".")
    if (ROOT / "pyproject.toml").read_text(encoding="utf-8").count(f'"{name}"'):
        return True
    try:
        import_module(name)
    except ImportError:
        try:
            return hasattr(import_module(module), rest)
        except ImportError:
            return False
    return True


@every_page
def test_the_names_of_a_page_are_in_the_code(page: Path) -> None:
    """Whatever a sentence writes as code and that reads like a name: settings, fields, codes, classes, arguments."""
    found = {
        name
        for span in spans(page)
        for name in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", span)
    }
    assert sorted(found - known_words() - OTHERS_WORDS.keys()) == []


def test_the_words_of_others_are_used_and_are_not_ours() -> None:
    """No name of ours that has gone hides behind them."""
    used = {word for page in PAGES for span in spans(page) for word in re.findall(r"\w+", span)}
    assert OTHERS_WORDS.keys() <= used
