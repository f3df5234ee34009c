"""The command line: `order-engine`, or `python -m order_engine_adapters.cli`.

Until a command runs, only click and the standard library are imported, so that help is fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from order_engine_adapters.process.signals import hear_signals, raise_terminated

UNTIL_ASKED = frozenset({"serve", "worker"})
"""Commands that run until they are asked to end."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line `arguments`, by default those of the process, and exit."""
    words = sys.argv[1:] if arguments is None else arguments
    if not UNTIL_ASKED.intersection(words[:1]):
        raise_terminated()
        _run(arguments)
    # Before other imports: as process 1 of a container, the process would ignore signals until then.
    signals = hear_signals()
    code = 1
    try:
        _run(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        raise
    finally:
        signals.leave(code)


def _run(arguments: Sequence[str] | None) -> NoReturn:
    from order_engine_adapters.cli.program import main as run  # noqa: PLC0415 - after the signals are heard

    run(arguments)
