"""Bad values stay in their own rows."""

import tensorflow as tf


def replaced(is_good: tf.Tensor, values: tf.Tensor, instead: float) -> tf.Tensor:
    """The values [B, *] of the rows that are good, bool [B], and `instead` in the others."""
    of_rows = tf.reshape(is_good, [-1] + [1] * (values.shape.rank - 1))  # [B, 1, ...]
    return tf.where(of_rows, values, tf.cast(instead, values.dtype))
