"""Bounds of what a network predicts."""

import tensorflow as tf


def bounded(values: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Values within [low, high], whose gradient passes as if they were not bounded.

    So what begins outside comes back: there, the gradient of a clipped value would be 0.
    """
    return tf.grad_pass_through(lambda value: tf.clip_by_value(value, low, high))(values)
