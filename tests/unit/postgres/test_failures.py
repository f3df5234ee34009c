"""What every SQLSTATE of PostgreSQL means: may it have committed, is the session kept, does the error surface."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from order_engine_adapters.postgres.connection.failures import (
    as_unavailable,
    ends_session,
    is_race,
    is_stale,
    leaves_doubt,
)

NOT_AN_ERROR = {"00", "01", "02"}
"""Classes of success and of warnings."""

CERTAIN_CLASSES = {
    "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23", "24", "25", "26", "27", "28", "2B", "2D",
    "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55", "72", "F0", "HV", "P0",
}  # fmt: skip
"""By which the server refuses a statement or a commit: nothing took effect."""
DOUBTFUL_CLASSES = {"03", "08", "57", "58", "XX"}
"""Of the connection and of the server itself: the commit may have come through."""
EXCEPTIONS = {"40003": True, "57014": False}
"""Codes that are not as their class: whether they leave doubt."""

KEPT = {"40001", "40P01", "55P03", "57014", "53100", "53400", "3F000", "42P01", "42703", "42704", "42883"}
KEPT_CLASSES = {"22", "23", "54"}
"""After these the session is as good as before: they are about values, rows, locks, the disk or the tables."""

UNAVAILABLE_CLASSES = {"08", "0A", "25", "26", "28", "3D", "3F", "40", "53", "55", "57", "58", "F0", "XX"}
UNAVAILABLE_CODES = {"42501", "42P01", "42P05", "42703", "42704", "42883"}
"""Of the environment: they heal. All others are mistakes of ours, and are raised as they are."""

STALE = {"0A000", "25001", "25006", "25P01", "25P02", "26000", "42501", "42P05"}


def _every_code(kind: type[asyncpg.PostgresError] = asyncpg.PostgresError) -> Iterator[str]:
    """Return the codes of all classes of the driver, which are made from PostgreSQL's own table."""
    for each in kind.__subclasses__():
        if (code := getattr(each, "sqlstate", None)) is not None:
            yield code
        yield from _every_code(each)


CODES = sorted({code for code in _every_code() if code[:2] not in NOT_AN_ERROR})


def error_of(code: str, severity: str = "ERROR") -> asyncpg.PostgresError:
    """Return the error that the driver makes of what a server sends."""
    return asyncpg.PostgresError.new({"S": severity, "V": severity, "C": code, "M": "told"})


def test_the_table_is_whole() -> None:
    """Every error class of PostgreSQL that the driver knows is classified."""
    assert len(CODES) > 200
    assert {code[:2] for code in CODES} <= CERTAIN_CLASSES | DOUBTFUL_CLASSES
    assert not CERTAIN_CLASSES & DOUBTFUL_CLASSES


def test_every_code() -> None:
    """Each code is classified like its class unless it is an exception."""
    for code in CODES:
        error = error_of(code)
        assert leaves_doubt(error) == EXCEPTIONS.get(code, code[:2] in DOUBTFUL_CLASSES), code
        assert ends_session(error) == (code not in KEPT and code[:2] not in KEPT_CLASSES), code
        is_of_the_surroundings = code in UNAVAILABLE_CODES or code[:2] in UNAVAILABLE_CLASSES
        assert (as_unavailable(error, "db.example") is not None) == is_of_the_surroundings, code
        assert is_stale(error) == (code in STALE), code
        assert is_race(error) == (code in {"40001", "40P01"}), code
        # What is done again has done nothing, and what leaves doubt keeps no session.
        assert not (leaves_doubt(error) and (is_stale(error) or is_race(error))), code
        assert not leaves_doubt(error) or ends_session(error), code


def test_every_code_that_ends_the_session() -> None:
    """If the server ends the session, the running transaction may have been committed."""
    for code in [*CODES, "99999"]:
        for severity in ("FATAL", "PANIC"):
            error = error_of(code, severity)
            assert leaves_doubt(error) == (code != "25P03"), code
            assert ends_session(error), code
            assert not is_stale(error), code
            assert as_unavailable(error, "db.example") is not None, code


def test_severity_that_is_only_told_in_a_language() -> None:
    """A pooler that sends one severity, without saying which language it is in, is understood."""
    assert leaves_doubt(asyncpg.PostgresError.new({"S": "FATAL", "C": "53300", "M": "told"}))
    assert not leaves_doubt(asyncpg.PostgresError.new({"S": "FEHLER", "C": "53300", "M": "told"}))


@pytest.mark.parametrize("code", ["XXA00", "ZZ000", "99999"])
def test_codes_of_others(code: str) -> None:
    """A code that is not PostgreSQL's leaves doubt, and its session is not used again."""
    assert leaves_doubt(error_of(code))
    assert ends_session(error_of(code))
