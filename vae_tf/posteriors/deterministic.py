"""The posterior of a plain autoencoder."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Given, Parameters
from vae_tf.posteriors.base import Posterior


@keras.saving.register_keras_serializable("vae_tf")
class Deterministic(Posterior):
    """The posterior of a plain autoencoder: all mass on one code.

    q(z|x) = delta(z - loc(x)),  loc = linear(features)

    It has no density, so a model with it has no rate and no elbo, and trains with `objectives.Reconstruction`.

    Source: Hinton and Salakhutdinov (2006).

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.
    """

    has_density = False

    def __init__(self, latent_size: int | Sequence[int], name: str | None = None):
        super().__init__(latent_size, name=name)
        self.noise_size = 0

    def build(self, features_shape):
        """Creates the projection for features [B, *]."""
        self.loc = self._linear(features_shape, "loc")
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc`, float32 [B, D], for features [B, *]."""
        return {"loc": self._values(self.loc, given.context)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        return tfd.Independent(tfd.Deterministic(**parameters), 1, name="Deterministic")

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = loc, K times, float32 [K, B, D]; `noise` [K, B, 0] gives K only."""
        loc = distribution.distribution.loc
        return tf.broadcast_to(loc, tf.concat([tf.shape(noise)[:1], tf.shape(loc)], axis=0))

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """loc, float32 [B, D]."""
        return q.distribution.loc

    def stddev(self, q: tfd.Distribution) -> None:
        """There is none."""
        del q
