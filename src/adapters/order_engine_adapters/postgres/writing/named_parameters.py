"""Names for the parameters of a statement, which PostgreSQL knows by their numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# Not a cast, which has two colons.
PARAMETER: Final = re.compile("(?<!:):([a-z_]+)")


def numbered(names: Sequence[str], sql: str) -> str:
    """Return a statement with `$1` for the first of these parameters, which it calls `:name`, and so on.

    Done once, when the module is imported. Raises ValueError for a name that is missing or not used.
    """
    used = set(PARAMETER.findall(sql))
    if used != set(names):
        message = f"The statement has the parameters {sorted(used)}, and {sorted(names)} are given."
        raise ValueError(message)
    return PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
