"""All planted bugs, and the table of how soon each is found: `python -m tests.unit.simulation.all_planted [PART…]`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from tests.unit.simulation import (
    planted_accounting,
    planted_around_work,
    planted_asking,
    planted_claiming,
    planted_clocks,
    planted_ending,
    planted_locks,
    planted_placing,
    planted_stores,
    planted_working,
)
from tests.unit.simulation.planted import BUGS, Circumstances, PlantedBug

__all__ = ["BUGS", "CIRCUMSTANCES", "MODULES"]

MODULES: Final = (
    planted_asking,
    planted_accounting,
    planted_placing,
    planted_claiming,
    planted_working,
    planted_around_work,
    planted_ending,
    planted_locks,
    planted_clocks,
    planted_stores,
)
"""Importing them enters their bugs."""
CIRCUMSTANCES: Final[dict[Circumstances, int]] = {}
"""Everything that bugs are looked for in, and the most seeds of any of them."""
for _bug in BUGS:
    CIRCUMSTANCES[_bug.where] = max(_bug.within, CIRCUMSTANCES.get(_bug.where, 0))

HITS: Final = 4
MOST_SEEDS: Final = 150


def table(bugs: Iterable[PlantedBug], hits: int, most: int) -> Iterator[str]:
    """Go through the lines of the table: in which of the first seeds each bug shows, `hits` of them at most.

    A seed in brackets shows something else.
    """
    for bug in bugs:
        seeds: list[str] = []
        violations: dict[str, None] = {}
        for seed, outcome in enumerate(bug.seeds(most)):
            if outcome.violations:
                seeds.append(f"{seed}" if bug.shows(outcome) else f"({seed})")
                violations[f"{outcome.violations[0]}"[:120]] = None
            if len(seeds) == hits:
                break
        yield f"{bug.name[:70]:<70} {bug.where!s:<12} {bug.within:>4}  {', '.join(seeds):<18} {' | '.join(violations)}"


def main() -> None:
    """Print the table, of the bugs whose names contain one of the arguments."""
    parts = sys.argv[1:] or [""]
    for line in table([bug for bug in BUGS if any(part in bug.name for part in parts)], HITS, MOST_SEEDS):
        print(line, flush=True)  # noqa: T201 - the program's output


if __name__ == "__main__":
    main()
