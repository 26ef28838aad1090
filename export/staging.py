"""What keeps exporters apart: a lock, a hidden folder for each, and the end of those whose writers were killed."""

import contextlib
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator

from vae_tf.atomic import MARK, beside
from vae_tf.export.server import configuration

CONFIGS = (configuration.MODELS, configuration.BATCHING, configuration.MONITORING)


@contextlib.contextmanager
def locked(directory: pathlib.Path, wait: bool = True) -> Iterator[None]:
    """Keeps other exporters from the files of a folder meanwhile; does not wait for them if told so.

    Raises:
        BlockingIOError: if another has the folder, and it is not waited for.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def staged(directory: pathlib.Path, folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a fresh hidden folder in that of a model, and removes it afterwards; before, it removes abandoned ones.

    A writer keeps its own locked. Whoever finds one without a lock, while the directory is locked, knows that its
    writer is gone.
    """
    with contextlib.ExitStack() as stack:
        with locked(directory):
            _sweep(directory, folder)
            hidden = stack.enter_context(beside(folder / "version"))
            stack.enter_context(locked(hidden))
        yield hidden


def _sweep(directory: pathlib.Path, folder: pathlib.Path) -> None:
    """All but the versions that are being written are made, and removed, while the directory is locked."""
    left = [*folder.glob(f".version{MARK}*"), *folder.glob(f".[0-9]*{MARK}*")]
    for file in CONFIGS:
        left += directory.glob(f".{file}{MARK}*")
    for hidden in left:
        with contextlib.suppress(OSError), locked(hidden, wait=False):
            shutil.rmtree(hidden, ignore_errors=True)
