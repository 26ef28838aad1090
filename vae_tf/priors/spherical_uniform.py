"""The uniform prior on the sphere."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Parameters
from vae_tf.posteriors import Posterior
from vae_tf.priors.base import Prior
from vae_tf.spaces import Sphere


@keras.saving.register_keras_serializable("vae_tf")
class SphericalUniform(Prior):
    """The uniform prior on the unit sphere.

    p(z) = Gamma(D/2) / (2 pi^(D/2)),  |z| = 1

    Source: Davidson et al. (2018), section 3.3.

    Args:
        latent_size: D, the number of latent dimensions, at least 2, or the shape of a grid of them.
        name: the layer's name.

    Raises:
        InputError: for fewer than 2 dimensions.
    """

    is_learned = False
    space_class = Sphere

    def __init__(self, latent_size: int | Sequence[int], name: str | None = None):
        super().__init__(latent_size, name=name)
        if self.latent_size < 2:
            raise InputError(f"SphericalUniform got latent_size={latent_size}: a sphere needs at least 2 dimensions.")

    def build(self, examples_shape):
        """There is nothing to create."""
        self.built = True

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        del parameters
        return tfd.SphericalUniform(self.latent_size)

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = noise / |noise|, float32 [B, D]."""
        del distribution
        return tf.math.l2_normalize(noise, axis=-1)

    def check(self, posterior: Posterior) -> None:
        """Refuses a posterior whose codes are not on the sphere.

        Raises:
            InputError: saying why, and what would fit.
        """
        if posterior.space_class is not Sphere:
            raise InputError(
                f"SphericalUniform has density on the unit sphere alone, which the codes of "
                f"{type(posterior).__name__} leave: use posteriors.PowerSpherical, or a prior such as StandardNormal."
            )
