"""Above which number tokens begin in the history that a database is in.

After a fail-over to a standby that missed something, or a restore, what was claimed last is forgotten, and whoever
counts on gives the tokens of those claims again. So each history has a range of its own, above those of the histories
that it can have come from. The first one begins at 0.
"""

from __future__ import annotations

from typing import Final

BITS: Final = 21
"""Two million claims of one order in one history. Together with the 32 bits of a timeline, and of seconds, a token
stays below 2^53, which JSON carries exactly."""

TIMELINE_OF_PRIMARY: Final = "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
"""In the form in which the names of the log's files begin with it: a server that was promoted says it there at once,
and among its checkpoints only later. A standby has none, and refuses to say."""

TOKEN_FLOOR: Final = f"""CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce((
    SELECT (abs(written_at - made_at) + ('x' || {TIMELINE_OF_PRIMARY})::bit(32)::bigint - 1) << {BITS}
    FROM order_engine.identity WHERE only_row
), 0) END"""  # noqa: S608 - constants
"""A promotion and a recovery to a point in time begin another timeline; a dump that is restored has other seconds.

The row is there but for moments of a restore.
"""
