"""TensorBoard's scalars."""

import os
import time

import tensorflow as tf

from vae_tf import random
from vae_tf.data import Batch
from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers


class Scalars(TensorBoardCallback):
    """Writes every logged value, the learning rate and the speed at each epoch, training and validation in one chart.

    `images_per_second` is that of the training steps and the input, without validation and callbacks.

    Args:
        directory: the run's log directory; `train` and `validation` are written below it.
        x: a few fixed examples, as `fit` takes them, if `gradient_norm` is wanted: |d loss / d weights| on these, with
            the same noise at each epoch.
    """

    def __init__(self, directory: str | os.PathLike[str] | Writers, x=None):
        super().__init__(directory, "train", "validation")
        self.x = x
        self._traced: list = []
        self._before: float | None = None
        self._examples: float | None = None

    def on_train_begin(self, logs=None):
        """Opens the files."""
        super().on_train_begin(logs)
        traced = [*self.model.trainable_weights, self.model.optimizer.iterations]
        if list(map(id, traced)) != list(map(id, self._traced)):  # another model, or weights that are no more frozen
            self._traced, self._gradient_norm = traced, tf.function(self._norm)

    def on_epoch_begin(self, epoch, logs=None):
        """Begins to take the time."""
        self._begun = self._ended = time.perf_counter()
        self._before = self._examples = None

    def on_train_batch_begin(self, batch, logs=None):
        """Reads how many examples there were before, as in an epoch that goes on after an interruption."""
        if self._before is None:
            self._before = self._counted()

    def on_train_batch_end(self, batch, logs=None):
        """Takes the time: validation may follow."""
        self._ended = time.perf_counter()

    def on_test_begin(self, logs=None):
        """Reads how many examples there were, before validation counts its own."""
        self._count()

    def write(self, step: int, logs: Logs) -> None:
        """Writes the values."""
        self._count()
        values = {**logs, "learning_rate": self.model.optimizer.learning_rate}
        if self._examples and self._ended > self._begun:
            values["images_per_second"] = self._examples / (self._ended - self._begun)
        if self.x is not None:
            values["gradient_norm"] = self._gradient_norm(tf.nest.map_structure(tf.constant, self.x))
        for name, value in values.items():
            part = "validation" if name.startswith("val_") else "train"
            with self.writers[part].as_default(step):
                tf.summary.scalar(name.removeprefix("val_"), float(value))

    def _count(self) -> None:
        if self._examples is None:
            self._examples = self._counted() - (self._before or 0.0)

    def _counted(self) -> float:
        return float(self.model.logged_means.metrics[0].count)  # those of the mean loss

    def _norm(self, x: Batch) -> tf.Tensor:
        """|d loss / d weights| of the mean loss of examples, scalar."""
        weights = self.model.trainable_weights
        seed = random.pair(self.model.seed, random.Purpose.EVALUATION, 0)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.model.values(x, seed)["loss"]) + self.model.penalty()
        gradients = [gradient for gradient in tape.gradient(loss, weights) if gradient is not None]
        # of an embedding, TensorFlow gives one gradient for each row that was looked up, and the norm of those
        return tf.linalg.global_norm([tf.convert_to_tensor(gradient) for gradient in gradients])
