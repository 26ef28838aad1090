"""The evidence lower bound."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf import schedules
from vae_tf.divergence import KL
from vae_tf.objectives.base import Bound, Values, check_weight
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class ELBO(Bound):
    """The evidence lower bound, with a weight on the rate.

    distortion = -E_q(z|x)[ log p(x|z) ],  rate = KL[ q(z|x) || p(z) ]
    loss = distortion + beta rate,  elbo = -(distortion + rate) <= log p(x)

    Source: Kingma and Welling (2014), equations 3 and 7; beta: Higgins et al. (2017), equation 4.

    Args:
        beta: the weight of the rate, a number of at least 0 or a schedule of the step.
        kl: "analytic", in closed form where it is known (else by Monte Carlo, and the log says so), or
            "monte_carlo", the mean of log q(z|x) - log p(z) over the draws.
        samples: K, the draws of z for each example.
    """

    directions: Mapping[str, str | None] = {**Bound.directions, "beta": None}
    settings = ("beta",)

    def __init__(self, beta: float | schedules.Schedule = 1.0, kl: KL = "analytic", samples: int = 1):
        super().__init__(kl, samples)
        check_weight(self, "beta", beta)
        self.beta = beta

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats, and `beta`, scalar."""
        values = self.measures(terms)
        beta = schedules.at(self.beta, step)
        return {"loss": values["distortion"] + beta * values["rate"], **values, "beta": beta}
