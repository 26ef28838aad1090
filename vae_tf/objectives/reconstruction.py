"""The objective of a plain autoencoder."""

from typing import ClassVar

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.objectives.base import Objective
from vae_tf.posteriors import Posterior
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class Reconstruction(Objective):
    """The objective of a plain autoencoder: the distortion alone.

    loss = distortion = -log p(x|z(x))

    There is no rate and no elbo, and nothing draws the codes towards the prior.

    Source: Hinton and Salakhutdinov (2006).
    """

    directions: ClassVar[dict[str, str | None]] = {"loss": "down", "distortion": "down"}
    probabilistic = False

    def __init__(self):
        super().__init__(samples=1)

    def __call__(self, terms: Terms, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """`loss` and `distortion`, each float32 [B], nats."""
        del step
        distortion = -tf.reduce_mean(terms.log_likelihood, axis=0)
        return {"loss": distortion, "distortion": distortion}

    def check(self, posterior: Posterior) -> None:
        """Refuses a posterior with a density, whose rate this objective would ignore.

        Raises:
            InputError: saying why, and what would fit.
        """
        if posterior.has_density:
            raise InputError(
                f"Reconstruction ignores the rate of {type(posterior).__name__}: use posteriors.Deterministic for "
                f"a plain autoencoder, or objectives.ELBO for a variational one."
            )

    def get_config(self) -> dict:
        """There are no arguments."""
        return {}
