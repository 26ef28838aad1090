"""The evidence lower bound."""

import numbers
from typing import ClassVar

import keras
import tensorflow as tf

from vae_tf import divergence, schedules
from vae_tf.divergence import KL
from vae_tf.errors import InputError
from vae_tf.objectives.base import Objective
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class ELBO(Objective):
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

    directions: ClassVar[dict[str, str | None]] = {**Objective.directions, "beta": None}

    def __init__(self, beta: float | schedules.Schedule = 1.0, kl: KL = "analytic", samples: int = 1):
        super().__init__(samples)
        if not isinstance(beta, schedules.Schedule) and not (isinstance(beta, numbers.Real) and beta >= 0):
            raise InputError(f"ELBO got beta={beta}: give a number of at least 0, or a schedule.")
        if kl not in ("analytic", "monte_carlo"):
            raise InputError(f'ELBO got kl={kl!r}: give "analytic" or "monte_carlo".')
        self.beta, self.kl = beta, kl

    def __call__(self, terms: Terms, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats, and `beta`, scalar."""
        distortion = -tf.reduce_mean(terms.log_likelihood, axis=0)  # -E_q(z|x)[ log p(x|z) ]
        rate = divergence.rate(terms.latents, self.kl)  # KL[ q(z|x) || p(z) ]
        beta = schedules.at(self.beta, step)
        return {
            "loss": distortion + beta * rate,
            "elbo": -(distortion + rate),
            "rate": rate,
            "distortion": distortion,
            "beta": beta,
        }

    def get_config(self) -> dict:
        """The constructor's arguments."""
        beta = self.beta
        if isinstance(beta, schedules.Schedule):
            beta = keras.saving.serialize_keras_object(beta)
        return {**super().get_config(), "beta": beta, "kl": self.kl}

    @classmethod
    def from_config(cls, config: dict) -> "ELBO":
        """The objective that `get_config` describes."""
        beta = config["beta"]
        if isinstance(beta, dict):
            beta = keras.saving.deserialize_keras_object(beta)
        return cls(**{**config, "beta": beta})
