"""The objective of a plain autoencoder."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.objectives.base import Objective, Values, check_number
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class Reconstruction(Objective):
    """The objective of a plain autoencoder: the distortion, and where asked for the size of the codes.

    loss = distortion + beta/2 |z(x)|^2,  distortion = -log p(x|z(x))

    There is no rate and no elbo. With beta = 0 nothing draws the codes together; with beta > 0 it is the regularised
    autoencoder, whose prior is fitted afterwards (`vae_tf.training.fit_prior`).

    Source: Hinton and Salakhutdinov (2006); beta: Ghosh et al. (2020), equation 4, with the decoder's own
    regularisation left to the optimizer's weight decay or to the networks' regularisers.

    Args:
        beta: the weight of the codes' size, at least 0.
    """

    directions: Mapping[str, str | None] = {"loss": "down", "distortion": "down"}

    def __init__(self, beta: float = 0.0):
        super().__init__(samples=1)
        check_number(self, "beta", beta)
        self.beta = beta

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss` and `distortion`, each float32 [B], nats."""
        del step
        distortion = terms.distortion
        if not self.beta:
            return {"loss": distortion, "distortion": distortion}
        size = tf.add_n([tf.reduce_sum(latent.z[0] ** 2, axis=-1) for latent in terms.latents])  # |z(x)|^2
        return {"loss": distortion + self.beta / 2 * size, "distortion": distortion}

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses a posterior with a density, whose rate it would ignore, and a prior that it would not train.

        Raises:
            InputError: saying why, and what would fit.
        """
        if posterior.has_density:
            raise InputError(
                f"Reconstruction ignores the rate of {type(posterior).__name__}: use posteriors.Deterministic for "
                f"a plain autoencoder, or objectives.ELBO for a variational one."
            )
        if prior.is_learned and prior.trainable:
            raise InputError(
                f"Reconstruction does not train the prior, so {type(prior).__name__} would stay as it starts: use "
                f"priors.StandardNormal, and fit another prior afterwards with vae_tf.training.fit_prior."
            )
