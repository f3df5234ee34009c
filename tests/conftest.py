"""What holds for every test."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from typing import NoReturn

import pytest

ENDED_EARLY = 70


@pytest.fixture(scope="session", autouse=True)
def the_run_is_not_ended_early() -> Iterator[None]:
    """Let code that ends its process end no run of the tests as if all had passed; processes of its own it may end."""
    own, end = os.getpid(), os._exit

    def refuse(code: int) -> NoReturn:
        if os.getpid() == own:
            os.write(2, f"A test has ended the whole run:\n{''.join(traceback.format_stack())}".encode())
            end(ENDED_EARLY)
        end(code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", refuse)
        yield
