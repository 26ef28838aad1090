"""The event files of a log directory."""

import errno
import os
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from vae_tf.errors import InputError

FULL = os.strerror(errno.ENOSPC)  # TensorFlow's errors name no number


class Writers:
    """The event files of a log directory, one a folder, since TensorBoard follows one file of each.

    Each folder is a line of its own in TensorBoard's list of runs, and of more than 40 it shows none. So callbacks that
    are given to `fit` together share a folder.

    Args:
        directory: the log directory.
        shared: the folder of those parts that do not have one of their own name.

    Attributes:
        directory: the log directory.
    """

    def __init__(self, directory: str | os.PathLike[str], shared: Mapping[str, str] | None = None):
        self.directory = pathlib.Path(directory)
        self._shared = dict(shared or {})
        self._open: dict[str, tf.summary.SummaryWriter] = {}

    def open(self, part: str) -> tf.summary.SummaryWriter:
        """The writer of a part.

        Raises:
            InputError: if the folder cannot be written; the rest of a sentence.
            OSError: if the disk is full.
        """
        name = self._shared.get(part, part)
        folder = self.directory / name
        if name not in self._open:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                writer = tf.summary.create_file_writer(str(folder))
                writer.init()
            except (OSError, tf.errors.OpError) as error:
                reason = " ".join(str(error).split())
                if FULL in reason:
                    raise OSError(errno.ENOSPC, FULL, str(folder)) from error
                raise InputError(f"cannot write to {folder} ({reason}): give a folder that can be written.") from error
            self._open[name] = writer
        return self._open[name]

    def close(self) -> None:
        """Closes the files; what is opened after that begins new ones."""
        while self._open:
            self._open.popitem()[1].close()
