"""What every objective is."""

from typing import ClassVar

import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.posteriors import Posterior
from vae_tf.terms import Terms


class Objective:
    """What is minimised: a function of one pass's terms and the optimizer's step.

    Args:
        samples: K, the draws of z for each example.

    Attributes:
        directions: the logged values, each with the way it should go ("up", "down" or None); the order is that
            of the logs.
        probabilistic: whether it has a rate and an elbo.
    """

    directions: ClassVar[dict[str, str | None]] = {
        "loss": "down",
        "elbo": "up",
        "rate": None,
        "distortion": "down",
    }
    probabilistic = True

    def __init__(self, samples: int = 1):
        if samples < 1:
            raise InputError(f"{type(self).__name__} got samples={samples}: give at least 1 draw for each example.")
        self.samples = samples

    def __call__(self, terms: Terms, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The values named in `directions`, each float32 [B] (per example, nats) or a scalar setting."""
        raise NotImplementedError

    def check(self, posterior: Posterior) -> None:
        """Refuses a posterior that this objective has no meaning for.

        Raises:
            InputError: saying why, and what would fit.
        """
        if self.probabilistic and not posterior.has_density:
            raise InputError(
                f"{type(posterior).__name__} has no density, so {type(self).__name__} has no rate: use "
                f"objectives.Reconstruction(), or a posterior such as DiagonalNormal."
            )

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"samples": self.samples}

    @classmethod
    def from_config(cls, config: dict) -> "Objective":
        """The objective that `get_config` describes."""
        return cls(**config)
