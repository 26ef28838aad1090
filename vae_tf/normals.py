"""What all families of normals with a diagonal covariance do with their parameters."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Family, Parameters


class DiagonalNormals(Family):
    """N(z; loc, diag(scale^2)); a subclass says what `loc` and `scale` are."""

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """The normal with batch [*] and event [D], of `loc` and `scale`, each float32 [*, D]."""
        return tfd.Independent(tfd.Normal(**parameters), 1, name=type(self).__name__)

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = loc + scale * noise, float32 [*, D], from standard normals [*, D]."""
        return distribution.distribution.loc + distribution.distribution.scale * noise

    def marginals(self, distribution: tfd.Distribution) -> tfd.Distribution:
        """The distribution of each dimension, normal, batch [*, D], event []."""
        return distribution.distribution
