"""The spaces that codes live in."""

import math
from collections.abc import Sequence

import tensorflow as tf


class Space:
    """Codes of one shape, which are computed with and served flat, [*, D].

    Args:
        shape: of one code: (D,), or that of a grid, such as (height, width, channels).

    Attributes:
        size: D, the numbers of one code.
        count: how many different values each of these numbers can have, if they can be counted.
        fitting: the priors over such codes, as a message names them.
    """

    name = ""
    fitting = ""
    count: int | None = None

    def __init__(self, shape: Sequence[int]):
        self.shape = tuple(shape)
        self.size = math.prod(self.shape)

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """The codes of this space that are nearest to z [*, D]."""
        raise NotImplementedError

    def accepts(self, z: tf.Tensor) -> tf.Tensor:
        """Whether z [*, D] is a code that the decoder can take, bool [*]: it is finite, wherever it lies."""
        return tf.reduce_all(tf.math.is_finite(z), axis=-1)


class Real(Space):
    """Real numbers."""

    name = "the real numbers"
    fitting = "priors.StandardNormal"

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """z itself."""
        return z


class Sphere(Space):
    """The unit sphere, |z| = 1."""

    name = "the unit sphere"
    fitting = "priors.SphericalUniform or priors.VampPrior"

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """z / |z|, float32 [*, D]."""
        return tf.math.l2_normalize(z, axis=-1)


class WholeNumbers(Space):
    """The whole numbers 0, ..., count - 1, each the number of a vector; as float32, like other codes.

    Args:
        shape: of one code, such as (7, 7) for a grid of 49 whole numbers.
        count: how many there are.
    """

    name = "whole numbers"
    fitting = "priors.UniformCodes"

    def __init__(self, shape: Sequence[int], count: int):
        super().__init__(shape)
        self.count: int = count

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """z rounded, and brought into the range."""
        return tf.clip_by_value(tf.round(z), 0.0, self.count - 1.0)

    def accepts(self, z: tf.Tensor) -> tf.Tensor:
        """Whether z [*, D] holds such numbers alone, bool [*]."""
        return tf.reduce_all((z == tf.floor(z)) & (z >= 0) & (z < self.count), axis=-1)
