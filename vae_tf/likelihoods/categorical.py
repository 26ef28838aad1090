"""The categorical likelihood."""

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.likelihoods.base import Likelihood
from vae_tf.sizes import size


@keras.saving.register_keras_serializable("vae_tf")
class Categorical(Likelihood):
    """The categorical likelihood, for classes without an order: x holds their numbers from 0, as float32.

    log p(x|z) = sum_i log softmax(logits_i)[x_i]

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), section 2.2.

    Args:
        event_shape: the shape of one example.
        categories: how many there are, at least 2.
        projection: "auto", or None for a decoder that ends in logits, along the last axis: those of category 0 for
            every channel, then those of category 1, ...; see `Likelihood`.
        name: the layer's name.
    """

    has_gaps = True
    is_discrete = True
    unbounded_ends = 1
    takes_whole_numbers = True

    def __init__(
        self,
        event_shape: Sequence[int],
        categories: int,
        projection: Literal["auto"] | None = "auto",
        name: str | None = None,
    ):
        super().__init__(event_shape, projection=projection, name=name)
        self.categories = size("Categorical", "categories", categories, least=2)
        self.parameter_count = self.categories
        self.support = (0, self.categories - 1)

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`logits`, float32 [B, *event, categories], from features [B, *]."""
        return {"logits": tf.stack(self._project(features), axis=-1)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        values = tfd.Categorical(**parameters, dtype=tf.float32)
        return tfd.Independent(values, len(self.event_shape), name="Categorical")

    def mean(self, p: tfd.Distribution) -> tf.Tensor:
        """The most probable category, which is shown and served, float32 [*batch, *event]; NaN where a logit is."""
        unknown = tf.reduce_any(tf.math.is_nan(p.distribution.logits), axis=-1)
        return tf.where(unknown, np.nan, p.mode())

    def _in_support(self, x: tf.Tensor) -> tf.Tensor:
        return super()._in_support(x) & (x == tf.round(x))

    def _wanted(self) -> str:
        return f"whole numbers from 0 to {self.categories - 1}: number the categories from 0"
