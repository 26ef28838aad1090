"""The masked autoregressive flow prior."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from vae_tf import flows
from vae_tf.family import Parameters
from vae_tf.priors.base import Prior
from vae_tf.priors.standard_normal import standard_normal
from vae_tf.sizes import sizes


@keras.saving.register_keras_serializable("vae_tf")
class AutoregressiveFlow(Prior):
    """The masked autoregressive flow prior: a standard normal, bent by masked networks.

    e_0 ~ N(0, I),  e_{t,i} = e_{t-1,i} exp(log_scale_{t,i}(e_t)) + shift_{t,i}(e_t),  z = loc + scale e_T
    log p(z) = log N(e_0; 0, I) - sum_t sum_i log_scale_{t,i} - sum_i log scale_i

    log p(z) takes one pass through each network, a draw one for each dimension.

    Source: Papamakarios et al. (2017), section 3; as a prior: Chen et al. (2017), "Variational Lossy Autoencoder",
    section 3.2.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        steps: T, the number of flows.
        hidden: the widths of each masked network's hidden layers.
        name: the layer's name.
    """

    def __init__(
        self,
        latent_size: int | Sequence[int],
        steps: int = 2,
        hidden: Sequence[int] = (64, 64),
        name: str | None = None,
    ):
        super().__init__(latent_size, name=name)
        self.steps, self.hidden = steps, sizes("The flow", "hidden", hidden)
        self.networks = flows.networks(self.latent_size, steps, self.hidden)

    def build(self, examples_shape):
        """Creates the masked networks, loc and scale, which start at 0 and 1."""
        self.loc = self.add_weight(name="loc", shape=(self.latent_size,), initializer="zeros")
        self.log_scale = self.add_weight(name="log_scale", shape=(self.latent_size,), initializer="zeros")
        for network in self.networks:
            network.build()
        self.built = True

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        del parameters
        return tfd.TransformedDistribution(standard_normal(self.latent_size), self._flow(), name="AutoregressiveFlow")

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z for e_0 = noise, float32 [B, D]."""
        del distribution
        return self._flow().forward(noise)

    def start_near(self, codes: np.ndarray) -> None:
        """Starts loc and scale at the mean and the standard deviation of the codes."""
        self.loc.assign(codes.mean(axis=0))
        self.log_scale.assign(np.log(codes.std(axis=0) + 1e-6))

    def _flow(self) -> tfb.Bijector:
        """e_0 -> z."""
        wide = [tfb.Shift(self.loc.value), tfb.Scale(log_scale=self.log_scale.value)]
        return tfb.Chain([*wide, flows.masked_autoregressive(self.networks)])
