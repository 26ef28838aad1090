"""The inverse autoregressive flow posterior."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import flows
from vae_tf.family import Given, Parameters
from vae_tf.posteriors.base import Posterior, bounded_log_scale
from vae_tf.sizes import sizes


@keras.saving.register_keras_serializable("vae_tf")
class InverseAutoregressiveFlow(Posterior):
    """The inverse autoregressive flow posterior: a diagonal normal, bent by masked networks.

    e_0 ~ N(loc(x), diag(scale(x)^2)),  e_t = (e_{t-1} - shift_t(e_{t-1}; x)) / exp(log_scale_t(e_{t-1}; x)),  z = e_T
    log q(z|x) = log N(e_0; loc, diag(scale^2)) + sum_t sum_i log_scale_{t,i}

    The networks see x as the encoder's features. A draw takes one pass through each; so does log q of that very draw,
    while log q of another z takes one for each dimension. log scale(x)^2 is held within [-30, 20].

    Source: Kingma et al. (2016), section 4.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        steps: T, the number of flows.
        hidden: the widths of each masked network's hidden layers.
        name: the layer's name.
    """

    scores_any_code = False

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

    def build(self, features_shape):
        """Creates the two projections and the masked networks for features [B, *]."""
        self.loc = self._linear(features_shape, "loc", self.latent_size)
        self.log_variance = self._linear(features_shape, "log_variance", self.latent_size)
        for network in self.networks:
            network.build((None, math.prod(features_shape[1:])))
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc` and `scale`, each float32 [B, D], and `context`, float32 [B, F], for features [B, *]."""
        features = tf.cast(self._flat(given.context), tf.float32)
        scale = tf.exp(bounded_log_scale(self.log_variance(features) / 2))
        return {"loc": self.loc(features), "scale": scale, "context": features}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        base = tfd.Independent(tfd.Normal(parameters["loc"], parameters["scale"]), 1)
        flow = flows.inverse_autoregressive(self.networks, parameters["context"])
        return tfd.TransformedDistribution(base, flow, name="InverseAutoregressiveFlow")

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Draws, float32 [K, B, D], from standard normals [K, B, D]."""
        base = distribution.distribution.distribution
        return distribution.bijector.forward(base.loc + base.scale * noise)

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """The mean of e_0, pushed through the flow, float32 [B, D]."""
        return q.bijector.forward(q.distribution.mean())

    def stddev(self, q: tfd.Distribution) -> None:
        """It has no closed form."""
        del q
