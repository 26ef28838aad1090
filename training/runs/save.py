"""Saves the model at the end of each epoch."""

import os

import keras

from vae_tf.atomic import replacing


class Save(keras.callbacks.Callback):
    """Saves the model, optimizer included, at the end of each epoch; the file is whole at every moment.

    Args:
        path: a `.keras` file.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        """Writes beside the file, then renames."""
        with replacing(self.path) as partial:
            self.model.save(partial)
