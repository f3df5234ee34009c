"""Write the generated parts of the docs: `python docs/generate.py`; with `--check` only say whether they are fresh.

A page marks such a part by `<!-- generated: NAME -->` and `<!-- end of generated -->`. What `PARTS[NAME]` makes of the
code replaces everything in between.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import getdoc
from pathlib import Path

import click

from order_engine.domain import errors
from order_engine.domain.events import STATUS_AFTER
from order_engine.domain.lifecycle import LIFECYCLE, Rule
from order_engine.domain.order import LifecycleState
from order_engine.domain.setting import Setting, settings_of
from order_engine.wire.problems import TITLES
from order_engine_adapters.cli.program import program
from order_engine_adapters.http.errors import INTERNAL, RequestRefused
from order_engine_adapters.http.service.metrics_text import described_metrics
from order_engine_adapters.settings import Settings
from order_engine_adapters.settings.variables import variable

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.python_reference import python_reference

DOCS = Path(__file__).parent
SETTINGS = {**program.context_settings, "terminal_width": 110}
MARKED = re.compile(
    r"(?P<start><!-- generated: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end of generated -->)", re.DOTALL
)
ROUND_ENDS = tuple(state for state in LifecycleState if state.status is not None and state.status.ended)


def fresh(page: str) -> str:
    """Return `page` with each marked part generated again."""
    return MARKED.sub(lambda match: f"{match['start']}\n{PARTS[match['name']]()}\n\n{match['end']}", page)


def stale_pages(folder: Path = DOCS) -> Iterator[tuple[Path, str]]:
    """Yield each page whose generated parts are not what the code says, and its fresh text."""
    for path in sorted(folder.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (text := fresh(page)) != page:
            yield path, text


def lifecycle_diagram() -> str:
    """Return the steps that change an order as a Mermaid state diagram."""
    edges: dict[tuple[LifecycleState, LifecycleState], list[str]] = {}
    for rule in LIFECYCLE:
        if rule.event is not None:
            actions = edges.setdefault((rule.state, rule.becomes), [])
            if rule.action not in actions:
                actions.append(rule.action)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state}" as {state.name}' for state in LifecycleState if state is not LifecycleState.ABSENT]
    lines += [f"    {_node(start)} --> {_node(end)}: {' / '.join(actions)}" for (start, end), actions in edges.items()]
    lines += [f"    {_node(state)} --> [*]" for state in ROUND_ENDS]
    return "\n".join([*lines, "```"])


def lifecycle_table() -> str:
    """Return the lifecycle rule by rule."""
    return _table(("action", "from", "to", "event", "by", "when"), map(_rule_row, LIFECYCLE))


def event_table() -> str:
    """Return each type of event with the status after it."""
    return _table(("event", "status after it"), ((f"`{event}`", status) for event, status in STATUS_AFTER.items()))


def error_tables() -> str:
    """Return the tree of errors in the order of the code: what to retry, what to change, and the rest."""
    found = [error for error in vars(errors).values() if isinstance(error, type)]
    known = [error for error in found if issubclass(error, errors.OrderEngineError)]
    bases = (errors.TransientError, errors.CallerError)
    parts = [
        f"### {base.__name__}\n\n{_doc_of(base)}\n\n"
        + _error_table(error for error in known if issubclass(error, base) and error is not base)
        for base in bases
    ]
    rest = (error for error in known if not issubclass(error, bases) and error is not errors.OrderEngineError)
    return "\n\n".join([*parts, f"### Neither of the two\n\n{_error_table(rest)}"])


def _error_table(found: Iterable[type[errors.OrderEngineError]]) -> str:
    return _table(
        ("code", "class", "meaning"), ((f"`{error.code}`", f"`{error.__name__}`", _doc_of(error)) for error in found)
    )


def _doc_of(value: object) -> str:
    return " ".join((getdoc(value) or "").split())


def setting_table(owner: type = Settings) -> str:
    """Return each setting with its flag, its variable, its default, its allowed values and what it means."""
    rows = (
        (f"`{name}`", _flag(setting), f"`{variable(name)}`", _default(setting), setting.allowed, setting.description)
        for name, setting in settings_of(owner).items()
    )
    return _table(("setting", "flag", "environment variable", "default", "allowed", "meaning"), rows)


def problem_table() -> str:
    """Return every problem of the HTTP service: its status, its code and its title."""
    known = {(status, error.code, title) for error, (status, title) in TITLES.items()}
    refused = {(error.status, error.code, error.title) for error in RequestRefused.__subclasses__()}
    internal = {(INTERNAL.status, INTERNAL.code, INTERNAL.title)}
    rows = ((str(status), f"`{code}`", title) for status, code, title in sorted(known | refused | internal))
    return _table(("status", "code", "title"), rows)


def metric_table() -> str:
    """Return every metric of the text forms: its name, its kind and what it means."""
    rows = ((f"`{name}`", kind, meaning) for name, kind, meaning in described_metrics())
    return _table(("metric", "kind", "meaning"), rows)


def commands() -> str:
    """Return the help of every command that does something, as a terminal shows it."""
    return "\n\n".join(_helps("order-engine", program))


def _helps(name: str, command: click.Command) -> Iterator[str]:
    below = command.commands if isinstance(command, click.Group) else {}
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield _help(name, command)
    for word, each in below.items():
        yield from _helps(f"{name} {word}", each)


def _help(name: str, command: click.Command) -> str:
    # Under the program, whose settings its commands inherit.
    context = click.Context(
        command, info_name=name.partition(" ")[2], parent=click.Context(program, info_name="order-engine", **SETTINGS)
    )
    return f"## {name}\n\n```text\n{command.get_help(context)}\n```"


PARTS: Mapping[str, Callable[[], str]] = {
    "lifecycle-diagram": lifecycle_diagram,
    "lifecycle-table": lifecycle_table,
    "event-table": event_table,
    "error-tables": error_tables,
    "setting-table": setting_table,
    "problem-table": problem_table,
    "metric-table": metric_table,
    "commands": commands,
    "python-reference": python_reference,
}


def main(arguments: Sequence[str]) -> int:
    """Update stale pages, or with `--check` name them; return the exit code."""
    stale = list(stale_pages())
    if "--check" in arguments:
        for path, _ in stale:
            sys.stderr.write(f"{path.relative_to(DOCS.parent)} is stale: run `make docs`\n")
        return 1 if stale else 0
    for path, text in stale:
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS.parent)} was updated\n")
    return 0


def _node(state: LifecycleState) -> str:
    return "[*]" if state is LifecycleState.ABSENT else state.name


def _rule_row(rule: Rule) -> Sequence[str]:
    event = "none: no new version" if rule.event is None else f"`{rule.event}`"
    return (rule.action, rule.state, rule.becomes, event, rule.actor, rule.guard)


def _flag(setting: Setting) -> str:
    return f"`--{setting.name.replace('_', '-')}`" if setting.flag else "none"


def _default(setting: Setting) -> str:
    return "none" if setting.default is None else f"`{setting.default_text}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
