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
    """

    z: tf.Tensor
    posterior: tfd.Distribution
    prior: tfd.Distribution


class Terms(NamedTuple):
    """All that an objective needs of one pass.

    Attributes:
        latents: one `Latent` for each stochastic layer.
        log_likelihood: log p(x|z), float32 [K, B], nats.
    """

    latents: tuple[Latent, ...]
    log_likelihood: tf.Tensor

    @property
    def log_weights(self) -> tf.Tensor:
        """The log importance weights log p(x|z) + log p(z) - log q(z|x), float32 [K, B], nats."""
        log_weights = self.log_likelihood
        for latent in self.latents:
            log_weights += latent.prior.log_prob(latent.z) - latent.posterior.log_prob(latent.z)
        return log_weights
