"""What posteriors over discrete codes have in common: a vector for each whole number of a code."""

import abc
import math
from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.posteriors.base import Posterior
from vae_tf.sizes import size
from vae_tf.spaces import WholeNumbers


class DiscreteCodes(Posterior, abc.ABC):
    """q(z|x) over grids of whole numbers, each the number of a vector that the decoder takes.

    Args:
        latent_size: D, the whole numbers of a code, or the shape of a grid of them, such as (7, 7).
        codes: how many different whole numbers there are.
        width: of the vectors.
        name: the layer's name.
    """

    space_class = WholeNumbers

    def __init__(self, latent_size: int | Sequence[int], codes: int, width: int, name: str | None = None):
        super().__init__(latent_size, name)
        self.codes = size(type(self).__name__, "codes", codes, least=2)
        self.width = width

    @property
    def space(self) -> WholeNumbers:
        """The grids of the whole numbers 0, ..., codes - 1."""
        return WholeNumbers(self._shape, self.codes)

    @property
    def value_shape(self) -> tuple[int, ...]:
        """The shape of the vectors of one code, [*shape, width]."""
        return (*self._shape, self.width)

    @abc.abstractmethod
    def vector(self, z: tf.Tensor) -> tf.Tensor:
        """The vector of each whole number, float32 [*, D, width], of codes [*, D]."""

    def stddev(self, q: tfd.Distribution) -> None:
        """Whole numbers have none that says something."""
        del q

    def _flat_vectors(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors [*, D, width] as the walk takes them, [*, D width]."""
        return tf.reshape(vectors, tf.concat([tf.shape(vectors)[:-2], [math.prod(self.value_shape)]], axis=0))


def looked_up(codebook: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """The vector of each whole number, float32 [*, D, width], in a codebook [codes, width]."""
    number = tf.where(z >= 0, tf.minimum(z, codebook.shape[0] - 1), 0.0)  # what is no code gives none that is used
    return tf.gather(codebook, tf.cast(number, tf.int32))
