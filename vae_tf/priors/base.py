"""What every prior is."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import random
from vae_tf.errors import InputError
from vae_tf.posteriors import Posterior
from vae_tf.settled import Settled
from vae_tf.sizes import size


class Encode(NamedTuple):
    """The model's own q(z|x), for priors that are made of posteriors.

    Attributes:
        posterior: x [B, *event] -> q(z|x).
        draw: (q(z|x), standard normals [K, B, noise_size]) -> z [K, B, D].
    """

    posterior: Callable[[tf.Tensor], tfd.Distribution]
    draw: Callable[[tfd.Distribution, tf.Tensor], tf.Tensor]


class Prior(Settled, keras.layers.Layer):
    """p(z): a distribution over codes.

    Args:
        latent_size: D, the number of latent dimensions.
        name: the layer's name.

    Attributes:
        noise_size: the standard normals that `from_noise` needs for each draw.
        is_learned: whether p(z) has weights.
        is_reparameterised: whether a gradient reaches all of its weights through its draws.
    """

    is_learned = True
    is_reparameterised = True

    def __init__(self, latent_size: int, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.latent_size: int = size(type(self).__name__, "latent_size", latent_size)
        self.noise_size: int = self.latent_size

    def distribution(self, encode: Encode) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        raise NotImplementedError

    def from_noise(self, noise: tf.Tensor, encode: Encode) -> tf.Tensor:
        """Draws z ~ p(z), float32 [B, D], from standard normals [B, noise_size], row by row."""
        raise NotImplementedError

    def draw(self, seeds: tf.Tensor, encode: Encode) -> tf.Tensor:
        """Draws z ~ p(z), float32 [B, D]; row i depends on the integer pair `seeds[i]` alone, bit for bit.

        Rows are drawn one by one, because a matrix product of many rows gives other last bits than that of one.
        """
        one = lambda seed: self.from_noise(random.normal([1, self.noise_size], seed), encode)[0]  # noqa: E731
        return tf.map_fn(one, tf.cast(seeds, tf.int64), fn_output_signature=tf.TensorSpec([self.latent_size]))

    def start_at(self, codes: np.ndarray) -> None:
        """Starts the weights near a distribution of codes, float32 [N, D]; where not said otherwise, as built."""
        del codes

    def check(self, posterior: Posterior) -> None:
        """Refuses a posterior whose codes are of another space.

        Raises:
            InputError: saying why, and what would fit.
        """
        if posterior.is_spherical:
            raise InputError(
                f"The codes of {type(posterior).__name__} lie on the unit sphere, where {type(self).__name__} has no "
                f"density: use priors.SphericalUniform or priors.VampPrior, or a posterior such as DiagonalNormal."
            )

    @property
    def output_shape(self) -> tuple:
        """The shape of a batch of codes, which `summary()` shows."""
        return (None, self.latent_size)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"latent_size": self.latent_size, "name": self.name}
