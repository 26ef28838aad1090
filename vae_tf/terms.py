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
    """

    latents: tuple[Latent, ...]
    log_likelihood: tf.Tensor
    draws: Draws | None = None

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
