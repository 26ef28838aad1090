"""KL[q(z|x) || p(z)], in closed form where TensorFlow Probability knows it, else by Monte Carlo."""

import logging
from typing import Literal

import tensorflow as tf

from vae_tf.discrete import Discrete
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
    log_ratio = q.log_prob(z) - latent.log_prior
    if isinstance(q, Discrete):
        log_ratio += tf.stop_gradient(log_ratio) * _score(q, z)
    return tf.reduce_mean(log_ratio, axis=0)


def _score(q: Discrete, z: tf.Tensor) -> tf.Tensor:
    """0, with the gradient of log q(z|x): d E_q[f] = E_q[ df + f d log q ], if no gradient passes the draws.

    Source: Williams (1992), "Simple statistical gradient-following algorithms", section 4.
    """
    log_prob = q.log_prob(z)
    return log_prob - tf.stop_gradient(log_prob)
