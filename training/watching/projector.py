"""The codes in TensorBoard's projector."""

import math
import os
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins import projector

from vae_tf.atomic import replacing, sweep
from vae_tf.data import count, take
from vae_tf.errors import InputError
from vae_tf.images import is_image
from vae_tf.training import datasets, evaluation
from vae_tf.training.watching.examples import arrays
from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers

SHOWN = 5_000  # examples
SPRITE = 8_192  # pixels, the side of the largest image that the projector takes
DIMENSIONS = 3  # it draws nothing of fewer


class Projector(TensorBoardCallback):
    """Writes the codes of the same examples at each epoch, with their labels, and as points that show the images.

    The projector finds the newest epoch; whoever loads the page while an epoch ends finds the one before. Codes of one
    or two dimensions are filled up with zeros. Discrete codes are shown as their vectors.

    Args:
        directory: the run's log directory; `projector` is written below it.
        x: examples, as `fit` takes them; of more than 5,000, as many are taken evenly.
        labels: one for each example, [N], where there are any.

    Raises:
        InputError: for labels of another length.
    """

    def __init__(self, directory: str | os.PathLike[str] | Writers, x, labels=None):
        super().__init__(directory, "projector")
        x = arrays(x, "Projector")
        if labels is not None and np.shape(labels) != (count(x),):
            raise InputError(
                f"Projector got labels of shape {np.shape(labels)} for {count(x)} examples: give one for each."
            )
        shown = datasets.spread_evenly(SHOWN, count(x))
        self.x = take(x, shown)
        self.labels = None if labels is None else np.asarray(labels)[shown]
        self.folder = self.directory / "projector"

    def on_train_begin(self, logs=None):
        """Opens the file."""
        super().on_train_begin(logs)
        sweep(self.folder)
        self._shared: projector.EmbeddingInfo | None = None
        self._before: dict[str, tf.Variable] = {}

    def write(self, step: int, logs: Logs) -> None:
        """Writes the codes, and at first what does not change."""
        del logs
        codes = self.model.vectors(tf.constant(evaluation.codes(self.model, self.x))).numpy()
        if not np.isfinite(codes).all():
            raise ValueError("a code is not finite")
        codes = np.pad(codes, [(0, 0), (0, max(0, DIMENSIONS - codes.shape[1]))])
        if self._shared is None:
            self._shared = self._labels_and_images()
        # TensorBoard keeps each tensor that it has shown by its name, so each epoch has its own. Those that are listed
        # and not in the checkpoint, or of rank 3, it hides: what is saved decides, in one moment, what is shown, and
        # the epoch before can still be fetched by a page that has begun to.
        config = projector.ProjectorConfig()
        for epoch in (step, step - 1):
            config.embeddings.add(tensor_name=f"{_name(epoch)}/.ATTRIBUTES/VARIABLE_VALUE").MergeFrom(self._shared)
        with replacing(self.folder / "projector_config.pbtxt") as partial:
            projector.visualize_embeddings(str(partial.parent), config)
        saved = tf.train.Checkpoint(**{_name(step): tf.Variable(codes)}, **self._before)
        tf.train.CheckpointManager(saved, str(self.folder), max_to_keep=2, checkpoint_name="codes").save(step)
        self._before = {_name(step): tf.Variable(codes[..., None])}

    def _labels_and_images(self) -> projector.EmbeddingInfo:
        """What all epochs share: the files of the labels and of the images, where there are any."""
        shared = projector.EmbeddingInfo()
        if self.labels is not None:
            lines = [" ".join(str(label).split()) or "-" for label in self.labels]  # it drops empty lines
            with replacing(self.folder / "metadata.tsv") as partial:
                partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
            shared.metadata_path = "metadata.tsv"
        if is_image(self.model.event_shape):
            shared.sprite.single_image_dim.extend(_write_sprite(datasets.x_of(self.x), self.folder / "sprite.png"))
            shared.sprite.image_path = "sprite.png"
        return shared


def _name(epoch: int) -> str:
    return f"epoch_{epoch}"


def _write_sprite(images: np.ndarray, path: pathlib.Path) -> tuple[int, int]:
    """Writes images [N, height, width, channels], row by row, as a square of thumbnails; returns their size."""
    height, width, channels = images.shape[1:]
    columns = math.ceil(math.sqrt(len(images)))
    shrunk = min(1.0, SPRITE // columns / max(height, width))
    width, height = max(1, int(shrunk * width)), max(1, int(shrunk * height))
    sheet = Image.new("L" if channels == 1 else "RGB", (columns * width, columns * height))
    for i, image in enumerate(images):
        pixels = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
        thumbnail = Image.fromarray(pixels[..., 0] if channels == 1 else pixels).resize((width, height))
        sheet.paste(thumbnail, (i % columns * width, i // columns * height))
    with replacing(path) as partial:
        sheet.save(partial)
    return width, height
