"""What every prior is."""

from collections.abc import Callable

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import random
from vae_tf.errors import InputError

Encode = Callable[[tf.Tensor], tfd.Distribution]


class Prior(keras.layers.Layer):
    """p(z): a distribution over codes.

    Args:
        latent_size: D, the number of latent dimensions.
        name: the layer's name.

    Attributes:
        noise_size: the standard normals that `from_noise` needs for each draw.
    """

    def __init__(self, latent_size: int, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        if latent_size < 1:
            raise InputError(f"{type(self).__name__} got latent_size={latent_size}: give at least 1.")
        self.latent_size = latent_size
        self.noise_size = latent_size

    def distribution(self, encode: Encode) -> tfd.Distribution:
        """p(z) with event [D]; `encode` is the model's own x -> q(z|x), for priors that are made of posteriors."""
        raise NotImplementedError

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Draws z ~ p(z), float32 [B, D], from standard normals [B, noise_size], row by row."""
        raise NotImplementedError

    def draw(self, seeds: tf.Tensor) -> tf.Tensor:
        """Draws z ~ p(z), float32 [B, D]; row i depends on the integer pair `seeds[i]` alone, bit for bit."""
        return self.from_noise(random.normal_rows([self.noise_size], seeds))

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"latent_size": self.latent_size, "name": self.name}
