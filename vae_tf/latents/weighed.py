"""Draws whose gradient is weighed, by weights that are known only after the whole pass."""

import tensorflow as tf

from vae_tf.latents.choosers import Infer
from vae_tf.latents.latent import Latent


class WeighedLatent(Latent):
    """One stochastic layer, where what is computed from `z` sends its gradient through weights.

    It costs a custom gradient, which TensorFlow keeps for as long as the process lives.
    """

    def _sent(self, z: tf.Tensor) -> tf.Tensor:
        self._gradient_weights = tf.ones(tf.shape(z)[:2])
        weigh = lambda gradient: self._gradient_weights[..., None] * gradient  # noqa: E731
        return tf.custom_gradient(lambda z: (tf.identity(z), weigh))(z)

    def weigh_gradient(self, weights: tf.Tensor) -> None:
        """Sets the weights, float32 [K, B], of the gradients that are asked for from now on."""
        self._gradient_weights = tf.stop_gradient(weights)


class InferWeighed(Infer):
    """z ~ q(z|x), as `Infer` draws it, each with a gradient that the objective weighs."""

    latent_class = WeighedLatent
