"""The memory of this machine."""

import os
import pathlib
from collections.abc import Iterator

GROUPS_OF_PROCESS = pathlib.Path("/proc/self/cgroup")
GROUPS = pathlib.Path("/sys/fs/cgroup")


def total() -> int:
    """The bytes of memory that this machine has, or that a container gives this process if those are fewer."""
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits()])


def _limits() -> Iterator[int]:
    """The bytes that each control group of Linux, version 2 or 1, gives this process; see man 7 cgroups."""
    try:
        groups = [line.split(":", 2) for line in GROUPS_OF_PROCESS.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, group in groups:
        if not controllers:
            root, name = GROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = GROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        path = pathlib.PurePosixPath(group)
        for each in (path, *path.parents):
            try:
                yield int((root / str(each).lstrip("/") / name).read_text())
            except (OSError, ValueError):  # not there, or without a limit, "max"
                continue
