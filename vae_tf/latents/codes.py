"""The codes of examples."""

from typing import NamedTuple

import tensorflow as tf


class Codes(NamedTuple):
    """The codes that stand for examples.

    Attributes:
        z: the posterior's mean, or its location, float32 [N, D].
        stddev: the standard deviation of each dimension, float32 [N, D], or None if it has no closed form.
    """

    z: tf.Tensor
    stddev: tf.Tensor | None
