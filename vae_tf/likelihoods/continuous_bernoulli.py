"""The continuous Bernoulli likelihood."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable("vae_tf")
class ContinuousBernoulli(Likelihood):
    """The continuous Bernoulli likelihood, for grey values.

    log p(x|z) = sum_i x_i log lambda_i + (1 - x_i) log(1 - lambda_i) + log C(lambda_i),  lambda = sigmoid(logits),
    where C normalises the density on [0, 1].

    Source: Loaiza-Ganem and Cunningham (2019), section 3.

    Args:
        event_shape: the shape of one example.
        projection: "auto", or None for a decoder that ends in logits; see `Likelihood`.
        name: the layer's name.
    """

    support = (0.0, 1.0)
    unbounded_ends = 2

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`logits`, float32 [B, *event], from features [B, *]."""
        (logits,) = self._project(features)
        return {"logits": logits}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        pixels = tfd.ContinuousBernoulli(**parameters)
        return tfd.Independent(pixels, len(self.event_shape), name="ContinuousBernoulli")

    def mean(self, p: tfd.Distribution) -> tf.Tensor:
        """1 / (1 - exp(-logits)) - 1 / logits, which is shown and served, float32 [*batch, *event]."""
        logits = p.distribution.logits
        is_small = tf.abs(logits) < 1
        far = tf.where(is_small, 1.0, logits)
        squared = tf.where(is_small, logits, 0.0) ** 2
        series = 1 / 12 - squared * (1 / 720 - squared * (1 / 30_240 - squared * (1 / 1_209_600)))
        return 0.5 + tf.where(is_small, logits * series, 0.5 / tf.tanh(far / 2) - 1 / far)
