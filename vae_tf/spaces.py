"""The spaces that codes live in."""

import math
from collections.abc import Sequence

import tensorflow as tf


class Space:
    """Codes of one shape.

    Args:
        shape: of one code.

    Attributes:
        size: D, the numbers of one code, as it is served.
    """

    name = ""

    def __init__(self, shape: Sequence[int]):
        self.shape = tuple(shape)
        self.size = math.prod(self.shape)

    def flat(self, z: tf.Tensor) -> tf.Tensor:
        """Codes [*, *shape] as they are served, [*, D]."""
        if len(self.shape) == 1:
            return z
        return tf.reshape(z, tf.concat([tf.shape(z)[: -len(self.shape)], [self.size]], axis=0))

    def unflat(self, z: tf.Tensor) -> tf.Tensor:
        """Served codes [*, D] in their shape, [*, *shape]."""
        if len(self.shape) == 1:
            return z
        return tf.reshape(z, tf.concat([tf.shape(z)[:-1], self.shape], axis=0))

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """The codes of this space that are nearest to z [*, *shape]."""
        raise NotImplementedError


class Real(Space):
    """Real numbers."""

    name = "the real numbers"

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """z itself."""
        return z


class Sphere(Space):
    """The unit sphere, |z| = 1."""

    name = "the unit sphere"

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """z / |z|, float32 [*, D]."""
        return tf.math.l2_normalize(z, axis=-1)
