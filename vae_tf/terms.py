"""What one pass through the model yields: distributions, draws and per-example log-likelihoods."""

from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd


class Latent(NamedTuple):
    """One stochastic layer.

    Attributes:
        z: draws from the posterior, float32 [K, B, *latent].
        posterior: q(z|x), batch [B], event [*latent].
        prior: p(z), batch [] or [B], event [*latent].
        prior_z: a draw from the prior for each example, float32 [B, *latent], where the objective asks for it.
    """

    z: tf.Tensor
    posterior: tfd.Distribution
    prior: tfd.Distribution
    prior_z: tf.Tensor | None = None


class Draws:
    """Draws whose gradient is multiplied by weights that are known only after the pass.

    Attributes:
        z: the draws, float32 [K, B, *latent]; what is computed from them sends its gradient through the weights.
    """

    def __init__(self, z: tf.Tensor):
        self._weights = tf.ones(tf.shape(z)[:2])

        @tf.custom_gradient
        def identity(z):
            return tf.identity(z), lambda gradient: self._weights[..., None] * gradient

        self.z = identity(z)

    def weigh_gradient(self, weights: tf.Tensor) -> None:
        """Sets the weights, float32 [K, B], of the gradients that are asked for from now on."""
        self._weights = tf.stop_gradient(weights)


class Terms(NamedTuple):
    """All that an objective needs of one pass.

    Attributes:
        latents: one `Latent` for each stochastic layer.
        log_likelihood: log p(x|z), float32 [K, B], nats.
        draws: those of the latents, where the objective weighs their gradient.
        weights: the sample weights of the examples, float32 [B], of at least 0; None where all count alike.
    """

    latents: tuple[Latent, ...]
    log_likelihood: tf.Tensor
    draws: Draws | None = None
    weights: tf.Tensor | None = None

    @property
    def shares(self) -> tf.Tensor | None:
        """w_i / sum_j w_j, float32 [B]: what each example counts in the batch; None where all count alike."""
        if self.weights is None:
            return None
        some = tf.reduce_any(self.weights > 0)
        weights = tf.where(some, self.weights, tf.ones_like(self.weights))
        return weights / tf.reduce_sum(weights)

    def mean(self, values: tf.Tensor) -> tf.Tensor:
        """sum_i w_i values_i / sum_i w_i, the mean over the batch, float32 [*], of values [B, *]."""
        if self.shares is None:
            return tf.reduce_mean(values, axis=0)
        return tf.tensordot(self.shares, values, axes=1)

    @property
    def several(self) -> tf.Tensor:
        """Whether more than one example counts, bool scalar: one alone does not say how the codes spread."""
        count = tf.shape(self.log_likelihood)[1] if self.shares is None else tf.math.count_nonzero(self.shares)
        return count > 1

    @property
    def distortion(self) -> tf.Tensor:
        """-E_q(z|x)[ log p(x|z) ], the mean over the draws, float32 [B], nats."""
        return -tf.reduce_mean(self.log_likelihood, axis=0)

    @property
    def log_weights(self) -> tf.Tensor:
        """The log importance weights log p(x|z) + log p(z) - log q(z|x), float32 [K, B], nats."""
        log_weights = self.log_likelihood
        for latent in self.latents:
            log_weights += latent.prior.log_prob(latent.z) - latent.posterior.log_prob(latent.z)
        return log_weights
