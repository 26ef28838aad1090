"""KL[q(z|x) || p(z)], in closed form where TensorFlow Probability knows it, else by Monte Carlo."""

import logging
from typing import Literal

import tensorflow as tf

from vae_tf.latents.latent import Latent

KL = Literal["analytic", "monte_carlo"]

_LOG = logging.getLogger(__name__)


def rate(latents: tuple[Latent, ...], kl: KL) -> tf.Tensor:
    """The rate KL[q(z|x) || p(z)], summed over the stochastic layers, float32 [B], nats."""
    return tf.add_n([_kl_divergence(latent, kl) for latent in latents])


def _kl_divergence(latent: Latent, kl: KL) -> tf.Tensor:
    z, q, p = latent.z, latent.posterior, latent.prior
    if kl == "analytic":
        try:
            divergence = q.kl_divergence(p)  # [B], or below the top of a ladder [K, B]
            return divergence if divergence.shape.rank < 2 else tf.reduce_mean(divergence, axis=0)
        except (NotImplementedError, ValueError):  # tfp raises either for a pair it does not know
            _LOG.warning("KL[%s || %s] has no closed form: it is estimated by Monte Carlo.", q.name, p.name)
    return tf.reduce_mean(q.log_prob(z) - p.log_prob(z), axis=0)
