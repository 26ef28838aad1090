"""The objective that holds the rate at a capacity."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf import schedules
from vae_tf.divergence import KL
from vae_tf.objectives.base import Bound, Values, check_weight
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class Capacity(Bound):
    """The objective that holds the rate at a capacity, which rises as training goes on.

    loss = distortion + gamma |rate - capacity|

    Source: Burgess et al. (2018), equation 8.

    Args:
        gamma: the weight of the distance to the capacity, a number of at least 0 or a schedule of the step.
        capacity: C, nats, a number of at least 0 or a schedule of the step.
        kl: "analytic" or "monte_carlo"; see `ELBO`.
        samples: K, the draws of z for each example.
    """

    directions: Mapping[str, str | None] = {**Bound.directions, "capacity": None}
    settings = ("capacity",)

    def __init__(
        self,
        gamma: float | schedules.Schedule = 1000.0,
        capacity: float | schedules.Schedule = 25.0,
        kl: KL = "analytic",
        samples: int = 1,
    ):
        super().__init__(kl, samples)
        check_weight(self, "gamma", gamma)
        check_weight(self, "capacity", capacity)
        self.gamma, self.capacity = gamma, capacity

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats, and `capacity`, scalar, nats."""
        values = self.measures(terms)
        gamma, capacity = schedules.at(self.gamma, step), schedules.at(self.capacity, step)
        loss = values["distortion"] + gamma * tf.abs(values["rate"] - capacity)
        return {"loss": loss, **values, "capacity": capacity}
