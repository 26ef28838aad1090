"""The standard normal prior."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.priors.base import Prior


@keras.saving.register_keras_serializable("vae_tf")
class StandardNormal(Prior):
    """The standard normal prior.

    p(z) = N(z; 0, I)

    Source: Kingma and Welling (2014), section 3.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.
    """

    is_learned = False

    def build(self, examples_shape):
        """There is nothing to create."""
        self.built = True

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        del parameters
        return standard_normal(self.latent_size)

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = noise, float32 [B, D]."""
        del distribution
        return noise

    def marginals(self, p: tfd.Distribution) -> tfd.Distribution:
        """p(z_d), normal, batch [D], event []."""
        return p.distribution


def standard_normal(size: int) -> tfd.Distribution:
    """N(0, I) with batch [] and event [size]."""
    loc = tf.zeros([size])
    return tfd.Independent(tfd.Normal(loc, tf.ones_like(loc)), 1, name="StandardNormal")
