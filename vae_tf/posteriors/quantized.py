"""What posteriors that choose one code have in common."""

import abc
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd
from tensorflow_probability import util as tfp_util

from vae_tf.discrete import Discrete
from vae_tf.family import Given, Parameters
from vae_tf.posteriors.discrete_codes import DiscreteCodes


class Quantized(DiscreteCodes, abc.ABC):
    """All mass on one code, a grid of whole numbers, each the number of a vector that the decoder takes.

    q(z|x) = 1 for the code of x and 0 for every other, so its entropy is 0, and the rate is -log p(z).

    The gradient passes from the vectors to the features as if nothing were rounded (the straight-through estimator).

    Args:
        latent_size: D, the whole numbers of a code, or the shape of a grid of them, such as (7, 7).
        codes: how many different whole numbers there are.
        width: of the vectors.
        name: the layer's name.
    """

    def __init__(self, latent_size: int | Sequence[int], codes: int, width: int, name: str | None = None):
        super().__init__(latent_size, codes, width, name)
        self.noise_size = 0

    def build(self, features_shape):
        """Creates the projection for features [B, *] to a vector for each whole number of a code."""
        self.vectors = self._linear(features_shape, "vectors", self.value_shape)
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`vector`, float32 [*, D, width], for features [*, ...]."""
        values = self._values(self.vectors, given.context, self.value_shape)
        shape = tf.concat([tf.shape(values)[:-1], [self.latent_size, self.width]], axis=0)
        return {"vector": tf.reshape(values, shape)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [*] and event [D]."""
        return Chosen(self.number(parameters["vector"]), parameters["vector"])

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """The code itself, K times, float32 [K, B, D]; `noise` [K, B, 0] gives K only."""
        z = distribution.number
        return tf.broadcast_to(z, tf.concat([tf.shape(noise)[:-1], tf.shape(z)[-1:]], axis=0))

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """The code of x, float32 [B, D]."""
        return q.number

    def value(self, z: tf.Tensor, q: tfd.Distribution | None = None, noise: tf.Tensor | None = None) -> tf.Tensor:
        """The vectors of codes [*, D], flat, float32 [*, D width]; of draws from q, with a gradient to the features."""
        del noise
        vectors = self.vector(z)
        if q is not None:
            vectors = q.vector + tf.stop_gradient(vectors - q.vector)
        return self._flat_vectors(vectors)

    @abc.abstractmethod
    def number(self, vectors: tf.Tensor) -> tf.Tensor:
        """The number of the code nearest to each vector, float32 [*, D], of vectors [*, D, width]."""


class Chosen(Discrete):
    """All mass on one code of whole numbers.

    Args:
        number: the code, float32 [*, D].
        vector: what it was chosen for, float32 [*, D, width].
    """

    def __init__(self, number: tf.Tensor, vector: tf.Tensor, name: str = "Chosen"):
        self.number, self.vector = number, vector
        super().__init__({"number": number, "vector": vector, "name": name}, name)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {
            "number": tfp_util.ParameterProperties(event_ndims=1),
            "vector": tfp_util.ParameterProperties(event_ndims=2),
        }

    def _event_shape(self):
        return self.number.shape[-1:]

    def _log_prob(self, z):
        return tf.where(tf.reduce_all(z == self.number, axis=-1), 0.0, -np.inf)

    def _entropy(self):
        return tf.zeros(tf.shape(self.number)[:-1])

    def _mean(self):
        return self.number


@tfd.RegisterKL(Chosen, tfd.Distribution)
def _kl_divergence(q: Chosen, p: tfd.Distribution, name: str | None = None) -> tf.Tensor:
    """KL[q || p] = -log p(z), as the entropy of q is 0."""
    del name
    return -p.log_prob(q.number)
