"""The objective that leaves some nats of each dimension, or of each stochastic layer, free."""

from typing import Literal

import keras
import tensorflow as tf

from vae_tf import divergence
from vae_tf.errors import InputError
from vae_tf.family import Factorised
from vae_tf.objectives.base import Bound, Values, check_number
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.terms import Latent, Terms


@keras.saving.register_keras_serializable("vae_tf")
class FreeBits(Bound):
    """The objective that leaves some nats of each group of dimensions free: below them, the rate is not pushed down.

    loss = distortion + sum_g max(free, E_batch[ KL[q(z_g|x) || p(z_g)] ])

    g is a dimension, or all dimensions of a stochastic layer, such as a rung of a ladder.

    E_batch[f] = sum_i w_i f(x_i) / sum_i w_i,  w: the sample weights

    The mean over the batch couples its examples (on several devices, those of each); an example's loss holds its own
    rate of a group if the mean is above `free`, and `free` elsewhere.

    Source: Kingma et al. (2016), equation 15.

    Args:
        free: lambda, the nats that each group has free, at least 0.
        samples: K, the draws of z for each example.
        group: "dimension", or "layer" for all dimensions of a stochastic layer together.

    Raises:
        InputError: for another group.
    """

    def __init__(self, free: float = 0.5, samples: int = 1, group: Literal["dimension", "layer"] = "dimension"):
        super().__init__(samples=samples)
        check_number(self, "free", free)
        if group not in ("dimension", "layer"):
            raise InputError(f'FreeBits got group={group!r}: give "dimension" or "layer".')
        self.free, self.group = free, group

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats."""
        del step
        values = self.measures(terms)
        bounded = tf.add_n([self._bounded(self._rates(latent), terms) for latent in terms.latents])
        return {"loss": values["distortion"] + bounded, **values}

    def _rates(self, latent: Latent) -> tf.Tensor:
        """KL[q(z_g|x) || p(z_g)] of each group of a stochastic layer, float32 [B, G]."""
        if self.group == "dimension":
            return latent.rates
        return divergence.rate((latent,), self.kl)[:, None]

    def _bounded(self, rates: tf.Tensor, terms: Terms) -> tf.Tensor:
        """sum_g max(free, rate_g), float32 [B], of rates [B, G]."""
        above = terms.mean(rates) > self.free
        return tf.reduce_sum(tf.where(above, rates, self.free), axis=-1)

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses what does not fall apart into dimensions.

        Raises:
            InputError: saying why, and what would fit.
        """
        super().check(posterior, prior)
        if self.group == "dimension" and not (isinstance(posterior, Factorised) and isinstance(prior, Factorised)):
            raise InputError(
                f"FreeBits bounds the rate of each dimension, and KL[{type(posterior).__name__} || "
                f"{type(prior).__name__}] does not fall apart into dimensions: use posteriors.DiagonalNormal and "
                f"priors.StandardNormal, or objectives.Capacity."
            )
