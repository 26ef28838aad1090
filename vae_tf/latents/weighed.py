"""Draws whose gradient is weighed, by weights that are known only after the whole pass."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.latents.choosers import Infer
from vae_tf.latents.latent import Latent
from vae_tf.latents.site import Site


class WeighedLatent(Latent):
    """One stochastic layer, where what is computed from `z` sends its gradient through weights.

    It costs a custom gradient, which TensorFlow keeps for as long as the process lives.
    """

    def __init__(
        self,
        z: tf.Tensor,
        posterior: tfd.Distribution,
        prior: tfd.Distribution,
        site: Site | None = None,
        parameters: Parameters | None = None,
        draw_prior: Callable[[], tf.Tensor] | None = None,
    ):
        self._gradient_weights = tf.ones(tf.shape(z)[:2])
        weigh = lambda gradient: self._gradient_weights[..., None] * gradient  # noqa: E731
        weighed = tf.custom_gradient(lambda z: (tf.identity(z), weigh))(z)
        super().__init__(weighed, posterior, prior, site, parameters, draw_prior)

    def weigh_gradient(self, weights: tf.Tensor) -> None:
        """Sets the weights, float32 [K, B], of the gradients that are asked for from now on."""
        self._gradient_weights = tf.stop_gradient(weights)


class InferWeighed(Infer):
    """z ~ q(z|x), as `Infer` draws it, each with a gradient that the objective weighs."""

    latent_class = WeighedLatent
