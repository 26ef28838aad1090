"""The objective that leaves some nats of each dimension free."""

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.family import Factorised
from vae_tf.objectives.base import Bound, Values, check_number
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class FreeBits(Bound):
    """The objective that leaves some nats of each dimension free: below them, the rate is not pushed down.

    loss = distortion + sum_d max(free, E_batch[ KL[q(z_d|x) || p(z_d)] ])

    E_batch[f] = sum_i w_i f(x_i) / sum_i w_i,  w: the sample weights

    The mean over the batch couples its examples (on several devices, those of each); an example's loss holds its own
    rate of a dimension where the mean is above `free`, and `free` elsewhere.

    Source: Kingma et al. (2016), equation 15, a group for each dimension.

    Args:
        free: lambda, the nats that each dimension has free, at least 0.
        samples: K, the draws of z for each example.
    """

    def __init__(self, free: float = 0.5, samples: int = 1):
        super().__init__(samples=samples)
        check_number(self, "free", free)
        self.free = free

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats."""
        del step
        values = self.measures(terms)
        (latent,) = terms.latents
        rates = latent.marginals.kl_divergence(latent.prior_marginals)  # of each dimension, [B, D]
        above = terms.mean(rates) > self.free
        bounded = tf.reduce_sum(tf.where(above, rates, self.free), axis=-1)
        return {"loss": values["distortion"] + bounded, **values}

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses what does not fall apart into dimensions.

        Raises:
            InputError: saying why, and what would fit.
        """
        super().check(posterior, prior)
        if not (isinstance(posterior, Factorised) and isinstance(prior, Factorised)):
            raise InputError(
                f"FreeBits bounds the rate of each dimension, and KL[{type(posterior).__name__} || "
                f"{type(prior).__name__}] does not fall apart into dimensions: use posteriors.DiagonalNormal and "
                f"priors.StandardNormal, or objectives.Capacity."
            )
