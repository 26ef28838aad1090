"""The normal posterior with a full covariance."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd
from tensorflow_probability import math as tfm

from vae_tf.family import Given, Parameters
from vae_tf.posteriors.base import Posterior, bounded_log_scale


@keras.saving.register_keras_serializable("vae_tf")
class FullCovarianceNormal(Posterior):
    """The normal posterior with a full covariance.

    q(z|x) = N(z; loc(x), L(x) L(x)^T),  loc = linear(features)
    L = diag(exp(diagonal)) (I + lower / sqrt(D)),  (diagonal, lower) = linear(features), lower strictly triangular
    z = loc + L noise,  noise ~ N(0, I)

    What is below the diagonal of L is in units of the diagonal, so that small errors in its many entries do not add up
    to a large variance; L starts as the identity.
    2 diagonal, the log variance, is held within [-30, 20].

    Source: Kingma and Welling (2019), "An Introduction to Variational Autoencoders", section 2.5.1.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.
    """

    def build(self, features_shape):
        """Creates the two projections for features [B, *]."""
        self.loc = self._linear(features_shape, "loc", self.latent_size)
        entries = self.latent_size * (self.latent_size + 1) // 2
        self.scale_tril = self._linear(features_shape, "scale_tril", entries, "zeros")
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc`, float32 [B, D], and `scale_tril`, float32 [B, D, D], for features [B, *]."""
        features = self._flat(given.context)
        triangle = tfm.fill_triangular(self.scale_tril(features))
        is_diagonal = tf.eye(self.latent_size, dtype=tf.bool)
        diagonal = tf.reduce_sum(tf.where(is_diagonal, triangle, 0.0), axis=-1)
        lower = tf.where(is_diagonal, 1.0, triangle / self.latent_size**0.5)
        return {"loc": self.loc(features), "scale_tril": tf.exp(bounded_log_scale(diagonal))[..., None] * lower}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        return _Normal(**parameters, name="FullCovarianceNormal")

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = loc + L noise, float32 [K, B, D], from standard normals [K, B, D]."""
        return distribution.loc + tf.linalg.matvec(distribution.scale_tril, noise)

    def covariance(self, q: tfd.Distribution) -> tf.Tensor:
        """L L^T, float32 [B, D, D]."""
        return q.covariance()

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """loc, float32 [B, D]."""
        return q.loc

    def stddev(self, q: tfd.Distribution) -> tf.Tensor:
        """The lengths of the rows of L, float32 [B, D]."""
        return tf.norm(q.scale_tril, axis=-1)


class _Normal(tfd.MultivariateNormalTriL):
    """tfp's; a class of its own, so that a divergence can be registered for it."""


@tfd.RegisterKL(_Normal, tfd.Independent)
def _kl_divergence(q: _Normal, p: tfd.Independent, name: str | None = None) -> tf.Tensor:
    """KL[q || p] for a product of normals p; tfp knows it for the same p under another name."""
    if not isinstance(p.distribution, tfd.Normal):
        raise NotImplementedError(f"KL[{q.name} || {p.name}] has no closed form.")
    diagonal = tfd.MultivariateNormalDiag(p.distribution.loc, p.distribution.scale)
    return q.kl_divergence(diagonal, name=name or "kl")
