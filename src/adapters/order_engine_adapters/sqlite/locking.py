"""The one call of the operating system that locks a file for a process, and lets go when the process dies."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    _FAR_BEHIND_THE_CONTENT = 1 << 30

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for as long as it is open; return whether nobody else has it locked.

        Windows keeps others from reading what is locked, so the byte is one that the content never reaches.
        """
        os.lseek(descriptor, _FAR_BEHIND_THE_CONTENT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for as long as it is open; return whether nobody else has it locked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
