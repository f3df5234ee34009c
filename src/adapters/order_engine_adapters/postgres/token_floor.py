"""The lower bound of fencing tokens in the current history of a database.

After a restore, or a failover to a standby that lags behind, the latest claims are lost, and plain counting would
assign their tokens again. Each history therefore has its own token range, above those of all histories that it can
originate from. The first one starts at 0.
"""

from __future__ import annotations

from typing import Final

BITS: Final = 21
"""Two million claims of one order per history. With the 32 bits of a timeline and of seconds, a token stays below 2^53,
which JSON represents exactly."""

TIMELINE_OF_PRIMARY: Final = "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
"""In the format of WAL file names. A promoted server reports it there at once, and only later in its checkpoints. A
standby has none and raises an error."""

TOKEN_FLOOR: Final = f"""CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce((
    SELECT (abs(written_at - made_at) + ('x' || {TIMELINE_OF_PRIMARY})::bit(32)::bigint - 1) << {BITS}
    FROM order_engine.identity WHERE only_row
), 0) END"""  # noqa: S608 - constants
"""A promotion and a point-in-time recovery start another timeline; a restored dump has other seconds.

The row exists except briefly during a restore.
"""
