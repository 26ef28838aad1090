"""The Bernoulli likelihood."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable("vae_tf")
class Bernoulli(Likelihood):
    """The Bernoulli likelihood, for binary data.

    log p(x|z) = sum_i x_i log mean_i + (1 - x_i) log(1 - mean_i),  mean = sigmoid(logits)

    It takes values in [0, 1]; for grey values between the two, this is a cross-entropy and not a likelihood.

    Source: Kingma and Welling (2014), appendix C.1.

    Args:
        event_shape: the shape of one example.
        projection: "auto", or None for a decoder that ends in logits; see `Likelihood`.
        name: the layer's name.
    """

    support = (0.0, 1.0)
    is_discrete = True
    unbounded_ends = 2

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`logits`, float32 [B, *event], from features [B, *]."""
        (logits,) = self._project(features)
        return {"logits": logits}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        pixels = _Pixels(**parameters, dtype=tf.float32)
        return tfd.Independent(pixels, len(self.event_shape), name="Bernoulli")

    def is_cross_entropy(self, x) -> bool:
        """Whether x holds values between 0 and 1, to which a Bernoulli gives no probability."""
        x = np.asarray(x)
        return bool(np.any((x > 0) & (x < 1)))


class _Pixels(tfd.Bernoulli):
    """tfp's, with one logarithm for each value in place of two `log1p`, which XLA computes slowly on a CPU.

    log p(x) = x logits - log(1 + exp(logits)) = -(|logits| + (1 - 2x) logits) / 2 - log(1 + exp(-|logits|))

    So written, it is exact to float32 far from 0, and its slope at 0 is right.
    """

    def _log_prob(self, event):
        size = tf.abs(self.logits)
        return -(size + (1 - 2 * event) * self.logits) / 2 - tf.math.log(1 + tf.exp(-size))
