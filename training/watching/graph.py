"""TensorBoard's graph of a model."""

import os

import tensorflow as tf

from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers


class Graph(TensorBoardCallback):
    """Writes the operations of one pass and of the objective, once, in boxes named after the parts of the model.

    `encoder`, `posterior`, `prior`, `decoder`, `likelihood` and `objective`, for any subclass of `VAE`.

    Args:
        directory: the run's log directory; `graph` is written below it, in place of an earlier one.
    """

    def __init__(self, directory: str | os.PathLike[str] | Writers):
        super().__init__(directory, "graph")
        self._written = False

    def on_train_begin(self, logs=None):
        """Makes room: TensorBoard shows one graph of a folder."""
        if not self._written:
            for path in (self.directory / "graph").glob("events.out.tfevents.*"):
                path.unlink()
        super().on_train_begin(logs)

    def write(self, step: int, logs: Logs) -> None:
        """Writes the graph, where it is not there yet."""
        del step, logs
        if self._written:
            return
        vae = self.model
        x = tf.TensorSpec([None, *vae.event_shape], tf.float32, name="x")
        conditions = {
            name: tf.TensorSpec([None, *condition.shape], condition.dtype, name=name)
            for name, condition in vae.conditions.items()
        }
        seed = tf.TensorSpec([2], tf.int64, name="seed")
        batch = vae.schema.join(x, conditions)
        one_pass = tf.function(vae.values, autograph=False).get_concrete_function(batch, seed)
        with self.writers["graph"].as_default(0):
            tf.summary.graph(one_pass.graph)
        self._written = True
