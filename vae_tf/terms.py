"""What one pass through the model yields: distributions, draws and per-example log-likelihoods."""

from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.latents.latent import Latent


class Terms(NamedTuple):
    """All that an objective needs of one pass.

    Attributes:
        latents: one `Latent` for each stochastic layer.
        log_likelihood: log p(x|z), float32 [K, B], nats.
        x: the examples, float32 [B, *event].
        p: p(x|z), batch [K, B], event [*event].
        weights: the sample weights of the examples, float32 [B], of at least 0; None where all count alike.
    """

    latents: tuple[Latent, ...]
    log_likelihood: tf.Tensor
    x: tf.Tensor | None = None
    p: tfd.Distribution | None = None
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
            log_weights += latent.log_prior - latent.posterior.log_prob(latent.z)
        return log_weights
