"""Files that are either whole or not there: written beside, then renamed."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

MARK = "-partial-"  # in the names of hidden folders


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a path beside `path` to write a file to; it takes the place of `path` once the block has succeeded.

    Where the block raises, what stood at `path` stays as it was and the partial file is removed.

    Args:
        path: the file to replace or create; its folder is made where missing. The path to write to has the
            same suffix, as writers choose the format by it.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside(path) as folder:
        partial = folder / path.name
        yield partial
        sync(partial)
        os.replace(partial, path)


@contextlib.contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a fresh hidden folder next to `path`, on the same file system, and removes it afterwards."""
    path = pathlib.Path(path)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}{MARK}", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync(path: pathlib.Path) -> None:
    """Brings a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(*folders: pathlib.Path) -> None:
    """Removes what writers that were killed have left in folders of which there is but one writer."""
    for folder in folders:
        for left in folder.glob(f".*{MARK}*"):
            shutil.rmtree(left)
