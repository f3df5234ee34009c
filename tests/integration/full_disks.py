"""Two ways for a test to run a service out of room, and to give it room again from outside."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.integration.service import Service

MEBIBYTE = 1024 * 1024
SMALL_DISK = 2 * MEBIBYTE
LARGE_DISK = 64 * MEBIBYTE


class Disk(Protocol):
    """Where the files of a service lie."""

    folder: Path

    def fill(self, service: Service) -> None:
        """Leave the service very little room, or none."""
        ...

    def make_room(self, service: Service) -> None:
        """Let files grow again."""
        ...


class LimitedFiles:
    """Files that may not grow over a limit of the process, which anybody may set for processes of theirs."""

    def __init__(self, folder: Path) -> None:
        """Keep files in `folder`."""
        self.folder = folder

    def fill(self, service: Service) -> None:
        """Let no file of the process grow beyond the largest that there is, and a little."""
        largest = max(each.stat().st_size for each in self.folder.iterdir() if each.is_file())
        self._limit(service, largest + MEBIBYTE // 8)

    def make_room(self, service: Service) -> None:
        """Take the limit away."""
        self._limit(service, resource.RLIM_INFINITY)

    def _limit(self, service: Service, size: int) -> None:
        # CPython ignores the signal that would end a process at this limit; writing fails instead.
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class SmallDisk:
    """A file system of its own, of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        """Use the file system that is mounted at `folder`."""
        self.folder = folder

    def fill(self, service: Service) -> None:  # noqa: ARG002 - it is full for everybody
        """Write until no block is left, like a foreign log, and free a little."""
        statistics = os.statvfs(self.folder)
        with (self.folder / "somebody-elses").open("wb") as other:
            free = statistics.f_bavail * statistics.f_frsize
            other.write(b"x" * max(0, free - MEBIBYTE // 8))

    def make_room(self, service: Service) -> None:  # noqa: ARG002 - likewise
        """Make the file system larger."""
        _mount(self.folder, "remount,size=", LARGE_DISK)


@contextmanager
def limited_files(folder: Path) -> Iterator[Disk]:
    """Give a folder whose files can be limited."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux changes the limits of another process")
    yield LimitedFiles(folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Give a small file system, where we may mount one."""
    mounted = folder / "disk"
    mounted.mkdir()
    try:
        _mount(mounted, "size=", SMALL_DISK)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a file system can be mounted by root only: {error}")
    try:
        yield SmallDisk(mounted)
    finally:
        subprocess.run([_found("umount"), str(mounted)], check=True)  # noqa: S603 - mounted above


def _mount(folder: Path, option: str, size: int) -> None:
    command = [_found("mount"), "-t", "tmpfs", "-o", f"{option}{size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(program)
    return found
