"""What every callback is that writes to TensorBoard."""

import contextlib
import os
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.training.watching.writers import Writers

Logs = dict[str, Any]


class TensorBoardCallback(keras.callbacks.Callback):
    """Writes something to TensorBoard at each epoch's end; where that fails, it warns, and training goes on.

    Args:
        directory: the log directory, or the writers that several callbacks share.
        parts: what this callback writes; each has a folder below the directory.

    Attributes:
        directory: the log directory.
        writers: by part.
        x: the examples that are watched, if any, or a dictionary of them and of the conditions; from the beginning of
            training, arrays of the dtypes that the model computes with.

    Raises:
        InputError: from `fit`, if a folder cannot be written, or the model does not take the examples.
        OSError: from `fit`, if the disk is full.
    """

    x: Any = None

    def __init__(self, directory: str | os.PathLike[str] | Writers, *parts: str):
        super().__init__()
        self._files = directory if isinstance(directory, Writers) else Writers(directory)
        self.writers: dict[str, tf.summary.SummaryWriter] = {part: tf.summary.create_noop_writer() for part in parts}

    @property
    def directory(self) -> pathlib.Path:
        """The log directory."""
        return self._files.directory

    @directory.setter
    def directory(self, directory: str | os.PathLike[str]) -> None:
        self._files.directory = pathlib.Path(directory)

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
            tensors = self.model.schema.tensors(self.x, f"the x of {type(self).__name__}")
            self.x = tf.nest.map_structure(lambda values: values.numpy(), tensors)
        for part in self.writers:
            try:
                self.writers[part] = self._files.open(part)
            except InputError as error:
                raise InputError(f"{type(self).__name__} {error}") from error

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
        self._files.close()
