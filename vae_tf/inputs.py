"""What an encoder does with its data first, so that its layers get values of order 1."""

import keras
import numpy as np
import tensorflow as tf

from vae_tf.errors import InputError

ROWS = 1_000  # that are looked at together
SMALLEST = 1e-6  # a deviation in units of the mean: what float32 leaves of a constant


@keras.saving.register_keras_serializable("vae_tf")
class Log1p(keras.layers.Layer):
    """sign(x) log(1 + |x|), for counts: the logarithm of large values, and small ones as they are.

    Source: Lopez et al. (2018), Methods, for counts.

    Args:
        name: the layer's name.
    """

    def __init__(self, name: str | None = None):
        super().__init__(name=name, dtype="float32")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """float32 [B, *event], of x, float32 [B, *event]."""
        return tf.sign(x) * tf.math.log1p(tf.abs(x))

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"name": self.name}


@keras.saving.register_keras_serializable("vae_tf")
class Standardize(keras.layers.Layer):
    """(x - mean) / deviation, each of an entry of the last axis, such as a column of a table or a colour.

    Both are weights that `adapt` learns from data, and no optimizer: 0 and 1 until then. Data that does not vary is
    centred only.

    Args:
        name: the layer's name.
    """

    def __init__(self, name: str | None = None):
        super().__init__(name=name, dtype="float32")

    def build(self, x_shape):
        """Creates the mean and the deviation for x [B, *event]."""
        self.mean = self.add_weight(name="mean", shape=x_shape[-1:], initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=x_shape[-1:], initializer="ones", trainable=False)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """float32 [B, *event], of x, float32 [B, *event]."""
        return (x - self.mean) / self.deviation

    def adapt(self, data) -> None:
        """Learns the mean and the deviation of data.

        Args:
            data: an array [N, *event], or batches of such with an end, as of a `tf.data.Dataset`.

        Raises:
            InputError: if there is none, or a value is NaN or infinite.
        """
        parts = data
        if not isinstance(data, tf.data.Dataset):
            parts = (data[first : first + ROWS] for first in range(0, len(data), ROWS))
        count, mean, squares = 0, np.float64(0), np.float64(0)  # squares: the sum of (x - mean)^2
        for batch in parts:
            x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
            x = np.asarray(x, np.float64).reshape(-1, self.mean.shape[0])
            difference, total = x.mean(axis=0) - mean, count + len(x)
            squares = squares + ((x - x.mean(axis=0)) ** 2).sum(axis=0) + difference**2 * count * len(x) / total
            mean, count = mean + difference * len(x) / total, total
        if not count or not np.isfinite(squares).all():
            what = "no data" if not count else "data with NaN or infinite values"
            raise InputError(f"Standardize.adapt got {what}: give the examples that the model is trained on.")
        deviation = np.sqrt(squares / count)
        self.mean.assign(mean)
        self.deviation.assign(np.where(deviation > SMALLEST * np.abs(mean), deviation, 1))

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"name": self.name}
