"""The mixture of normals prior."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import random
from vae_tf.family import Parameters
from vae_tf.priors.base import Prior
from vae_tf.sizes import size

LOOKED_AT = 10_000  # codes that choose where the normals start


@keras.saving.register_keras_serializable("vae_tf")
class MixtureOfNormals(Prior):
    """The mixture of normals prior, all of it learned.

    p(z) = sum_m weight_m N(z; loc_m, diag(scale_m^2)),  weight = softmax(logits)

    Source: Tomczak and Welling (2018), section 2.2 ("MoG").

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        components: M, the number of normals.
        name: the layer's name.

    Raises:
        InputError: for fewer than one component.
    """

    is_reparameterised = False

    def __init__(self, latent_size: int | Sequence[int], components: int = 20, name: str | None = None):
        super().__init__(latent_size, name=name)
        self.components = size("MixtureOfNormals", "components", components)
        self.noise_size = self.latent_size + 1

    def build(self, examples_shape):
        """Creates the weights: the normals start around draws of N(0, I), alike in weight and of scale 1."""
        shape = (self.components, self.latent_size)
        self.logits = self.add_weight(name="logits", shape=(self.components,), initializer="zeros")
        self.loc = self.add_weight(name="loc", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.log_scale = self.add_weight(name="log_scale", shape=shape, initializer="zeros")
        self.built = True

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        del parameters
        normals = tfd.Independent(tfd.Normal(self.loc.value, tf.exp(self.log_scale)), 1)
        return tfd.MixtureSameFamily(tfd.Categorical(self.logits.value), normals, name="MixtureOfNormals")

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Draws, float32 [B, D], from standard normals [B, D + 1]; the first of a row chooses the component."""
        del distribution
        m = random.choice(tf.nn.softmax(self.logits), noise[:, 0])
        return tf.gather(self.loc, m) + tf.exp(tf.gather(self.log_scale, m)) * noise[:, 1:]

    def start_near(self, codes: np.ndarray) -> None:
        """Starts the normals around codes that are spread over them all, as wide as the codes are.

        Source: Arthur and Vassilvitskii (2007), section 2.2 (k-means++).
        """
        rng = np.random.default_rng(0)
        codes = codes[rng.permutation(len(codes))[:LOOKED_AT]]
        chosen = [codes[0]]
        nearest = np.full(len(codes), np.inf)  # squared distance to the nearest that is chosen
        for _ in range(self.components - 1):
            nearest = np.minimum(nearest, ((codes - chosen[-1]) ** 2).sum(axis=-1))
            share = nearest / nearest.sum() if nearest.sum() > 0 else None
            chosen.append(codes[rng.choice(len(codes), p=share)])
        self.loc.assign(np.stack(chosen))
        self.log_scale.assign(np.tile(np.log(codes.std(axis=0) + 1e-6), (self.components, 1)))
