"""What every callback is that writes to TensorBoard."""

import contextlib
import errno
import os
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from vae_tf import examples
from vae_tf.errors import InputError

Logs = dict[str, Any]

FULL = os.strerror(errno.ENOSPC)  # TensorFlow's errors name no number


class Watcher(keras.callbacks.Callback):
    """Writes something to TensorBoard at each epoch's end; where that fails, it warns, and training goes on.

    TensorBoard follows one file a folder, so each callback has folders of its own, and they are its runs.

    Args:
        directory: the log directory.
        parts: the folders below it that this callback writes to.

    Attributes:
        x: the examples that are watched, if any; float32 from the beginning of training.

    Raises:
        InputError: from `fit`, if a folder cannot be written, or the model does not take the examples.
        OSError: from `fit`, if the disk is full.
    """

    x: Any = None

    def __init__(self, directory: str | os.PathLike[str], *parts: str):
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.writers: dict[str, tf.summary.SummaryWriter] = {part: tf.summary.create_noop_writer() for part in parts}

    def write(self, step: int, logs: Logs) -> None:
        """Writes what there is to see of an epoch, by `self.writers[part].as_default(step)`.

        Args:
            step: the epoch, from 1.
            logs: those of Keras.
        """
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        """Looks at the examples and opens the files."""
        if self.x is not None:
            self.x = examples.as_float32(self.x, self.model.likelihood, f"the x of {type(self).__name__}").numpy()
        for part in self.writers:
            folder = self.directory / part
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self.writers[part] = tf.summary.create_file_writer(str(folder))
                self.writers[part].init()
            except (OSError, tf.errors.OpError) as error:
                reason = " ".join(str(error).split())
                if FULL in reason:
                    raise OSError(errno.ENOSPC, FULL, str(folder)) from error
                raise InputError(
                    f"{type(self).__name__} cannot write to {folder} ({reason}): give a folder that can be written."
                ) from error

    def on_epoch_end(self, epoch, logs=None):
        """Writes; the step of the charts is the epoch, from 1."""
        with self.surviving(epoch + 1):
            self.write(epoch + 1, logs or {})

    @contextlib.contextmanager
    def surviving(self, step: int) -> Iterator[None]:
        """Brings to disk what is written within, and makes a warning of whatever goes wrong."""
        try:
            yield
            for writer in self.writers.values():
                writer.flush()
        except Exception as error:  # whatever it is, what is drawn is not worth the training
            warnings.warn(
                f"{type(self).__name__} drew nothing at epoch {step} ({type(error).__name__}: {error}); training "
                f"goes on.",
                stacklevel=4,
            )

    def on_train_end(self, logs=None):
        """Closes the files."""
        for writer in self.writers.values():
            writer.close()
