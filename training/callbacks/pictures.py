"""TensorBoard's pictures, on the same codes at each epoch."""

import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from vae_tf.training import pictures


class Pictures(keras.callbacks.Callback):
    """Writes inputs with their reconstructions, and samples from the prior, on the same codes at each epoch.

    Args:
        directory: the run's log directory; they are written to `pictures` below it, as
            TensorBoard follows one file a folder.
        images: the inputs to reconstruct, float32 [N, height, width, channels].
        seed: of the prior's codes.
        folder: where PNG files of the epochs 1, 2, 5, 10, 20, 50, ... are kept as well.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        images: np.ndarray,
        seed: int = 0,
        folder: str | os.PathLike[str] | None = None,
    ):
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.images, self.seed = images, seed
        self.folder = None if folder is None else pathlib.Path(folder)
        self._writer = tf.summary.create_noop_writer()  # until training begins

    def on_train_begin(self, logs=None):
        """Opens the file."""
        self._writer = tf.summary.create_file_writer(str(self.directory / "pictures"))

    def on_epoch_end(self, epoch, logs=None):
        """Writes the pictures; the step is the epoch, from 1."""
        drawn = {
            "reconstructions": pictures.reconstructions(self.model, self.images),
            "samples": pictures.samples(self.model, seed=self.seed),
        }
        with self._writer.as_default():
            for name, picture in drawn.items():
                tf.summary.image(name, picture[None], step=epoch + 1)
        self._writer.flush()
        if self.folder is not None and _is_round(epoch + 1):
            for name, picture in drawn.items():
                pictures.write(picture, self.folder / f"{name}-epoch-{epoch + 1:04d}.png")

    def on_train_end(self, logs=None):
        """Closes the file."""
        self._writer.close()


def _is_round(epoch: int) -> bool:
    """Whether an epoch is 1, 2 or 5 times a power of ten."""
    return str(epoch).rstrip("0") in ("1", "2", "5")
