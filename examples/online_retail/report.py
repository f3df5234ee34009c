"""What is printed: each figure beside the expected one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from examples.online_retail.records import ORDER
from examples.online_retail.totals import Totals

LONGEST_FIGURE = 12


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure as it came out, and as it should; `expected` is None where nothing is said about it."""

    name: str
    figure: str
    expected: str | None

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against the figure."""
        return self.expected in {None, self.figure}


def expected_file(data: Path) -> Path:
    """Return the path of the expected figures that belong to a data file."""
    return data.with_name(data.name.removesuffix(".gz").removesuffix(".jsonl") + ".expected.json")


def compare(by_kind: dict[str, Totals], digests: dict[str, str], data: Path) -> list[Comparison]:
    """Hold the figures of every kind, and of all together, against the expected file, where there is one."""
    path = expected_file(data)
    expected = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"by_kind": {}}
    comparisons = []
    for kind in sorted(by_kind, key=lambda kind: (kind != ORDER, kind)):
        wanted = expected["by_kind"].get(kind, {})
        for name, figure in by_kind[kind].figures().items():
            comparisons.append(_comparison(f"{kind}: {name}", figure, wanted.get(name)))
    for name, figure in (_of_all(list(by_kind.values())) | digests).items():
        comparisons.append(_comparison(f"all: {name}", figure, expected.get(name)))
    return comparisons


def table(comparisons: list[Comparison]) -> str:
    """Return the comparisons as lines of text."""
    lines = [f"{'figure':<38}{'here':>14}{'expected':>14}"]
    for comparison in comparisons:
        mark = "" if comparison.agrees else "  <-- differs"
        here, expected = _short(comparison.figure), _short(comparison.expected or "-")
        lines.append(f"{comparison.name:<38}{here:>14}{expected:>14}{mark}")
    return "\n".join(lines)


def _short(figure: str) -> str:
    """Return a digest cut to what fits the column; figures fit as they are."""
    return figure if len(figure) <= LONGEST_FIGURE else f"{figure[: LONGEST_FIGURE - 1]}…"


def _comparison(name: str, figure: object, expected: object) -> Comparison:
    return Comparison(name, str(figure), None if expected is None else str(expected))


def _of_all(totals: list[Totals]) -> dict[str, str | int]:
    return {
        "records": sum(each.records for each in totals),
        "line_items": sum(each.line_items for each in totals),
        "sum_total_amount": str(sum((each.sum_total_amount for each in totals), Decimal("0.00"))),
        "distinct_users": len(set().union(*(each.users for each in totals))),
        "guest_records": sum(each.guest_records for each in totals),
    }
