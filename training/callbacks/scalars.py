"""TensorBoard's scalars."""

import os
import pathlib

import keras
import tensorflow as tf


class Scalars(keras.callbacks.Callback):
    """Writes every logged value and the learning rate at each epoch, training and validation in one chart.

    Args:
        directory: the run's log directory; `train` and `validation` are written below it.
    """

    def __init__(self, directory: str | os.PathLike[str]):
        super().__init__()
        self.directory = pathlib.Path(directory)
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def on_train_begin(self, logs=None):
        """Opens the two files."""
        self._writers = {
            part: tf.summary.create_file_writer(str(self.directory / part)) for part in ("train", "validation")
        }

    def on_epoch_end(self, epoch, logs=None):
        """Writes the values; the step of the charts is the epoch, from 1."""
        values = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        for name, value in values.items():
            part = "validation" if name.startswith("val_") else "train"
            with self._writers[part].as_default():
                tf.summary.scalar(name.removeprefix("val_"), float(value), step=epoch + 1)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
