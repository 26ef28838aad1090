"""The hidden folders that versions are written in, and what is left of those whose writers were killed."""

import contextlib
import pathlib
import shutil
from collections.abc import Iterator

from vae_tf.atomic import MARK, beside
from vae_tf.export import server_config

CONFIGS = (server_config.MODELS, server_config.BATCHING, server_config.MONITORING)


@contextlib.contextmanager
def staged(directory: pathlib.Path, folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a fresh hidden folder in that of a model, and removes it afterwards; before, it removes abandoned ones.

    A writer keeps its own locked. Whoever finds one without a lock, while the directory is locked, knows that its
    writer is gone.
    """
    with contextlib.ExitStack() as stack:
        with server_config.locked(directory):
            _sweep(directory, folder)
            hidden = stack.enter_context(beside(folder / "version"))
            stack.enter_context(server_config.locked(hidden))
        yield hidden


def _sweep(directory: pathlib.Path, folder: pathlib.Path) -> None:
    """All but the versions that are being written are made, and removed, while the directory is locked."""
    left = [*folder.glob(f".version{MARK}*"), *folder.glob(f".[0-9]*{MARK}*")]
    for file in CONFIGS:
        left += directory.glob(f".{file}{MARK}*")
    for hidden in left:
        with contextlib.suppress(OSError), server_config.locked(hidden, wait=False):
            shutil.rmtree(hidden, ignore_errors=True)
