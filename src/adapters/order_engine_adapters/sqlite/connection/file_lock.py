"""The system call that locks a file for a process until it unlocks or exits."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    _FAR_BEHIND_THE_CONTENT = 1 << 30

    def try_lock(descriptor: int) -> bool:
        """Lock the open file exclusively until it is unlocked or closed. Return whether that succeeded."""
        os.lseek(descriptor, _FAR_BEHIND_THE_CONTENT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def try_share(descriptor: int) -> bool:
        """Lock the open file shared with other readers. Return whether that succeeded."""
        return try_lock(descriptor)

    def unlock(descriptor: int) -> None:
        """Unlock the file and leave it open."""
        os.lseek(descriptor, _FAR_BEHIND_THE_CONTENT, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file exclusively until it is unlocked or closed. Return whether that succeeded."""
        return _tried(descriptor, fcntl.LOCK_EX)

    def try_share(descriptor: int) -> bool:
        """Lock the open file shared with other readers. Return whether that succeeded."""
        return _tried(descriptor, fcntl.LOCK_SH)

    def unlock(descriptor: int) -> None:
        """Unlock the file and leave it open."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _tried(descriptor: int, kind: int) -> bool:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
