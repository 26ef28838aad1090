"""The negative binomial likelihood."""

import math
import numbers
from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.bounds import bounded
from vae_tf.errors import InputError
from vae_tf.family import Parameters
from vae_tf.likelihoods.base import Likelihood

SMALLEST_DISPERSION = 1e-3
LOG_MEANS = (-30.0, 30.0)  # beyond every count that float32 holds, and far from its largest value


@keras.saving.register_keras_serializable("vae_tf")
class NegativeBinomial(Likelihood):
    """The negative binomial likelihood, for counts that vary more than those of a Poisson distribution.

    log p(x|z) = sum_i log NB(x_i; mean mu_i, variance mu_i + mu_i^2 / theta_i),  mu = exp(features),
    where log mu is held within [-30, 30]

    theta, the dispersion, is a fixed number; or "shared", one learned value exp(weight) for each entry of the last
    axis, such as a gene (it starts at 1); or "predicted", softplus(features) + 0.001 for each value. The larger it
    is, the nearer is p(x|z) to a Poisson distribution.

    Source: Lopez et al. (2018), Methods, without the zero inflation and the library size.

    Args:
        event_shape: the shape of one example.
        dispersion: theta: a number above 0, "shared" or "predicted".
        projection: "auto", or None for a decoder that ends in log mu (then theta before softplus, along the last
            axis, where it is predicted); see `Likelihood`.
        name: the layer's name.
    """

    support = (0, math.inf)
    has_gaps = True
    is_discrete = True
    unbounded_ends = 2
    encoder_inputs = "log1p"
    takes_whole_numbers = True

    def __init__(
        self,
        event_shape: Sequence[int],
        dispersion: float | Literal["shared", "predicted"] = "shared",
        projection: Literal["auto"] | None = "auto",
        name: str | None = None,
    ):
        super().__init__(event_shape, projection=projection, name=name)
        is_number = isinstance(dispersion, numbers.Real) and 0 < dispersion < math.inf
        if dispersion not in ("shared", "predicted") and not is_number:
            raise InputError(
                f'NegativeBinomial got dispersion={dispersion!r}: give a number above 0, "shared" or "predicted".'
            )
        self.dispersion = dispersion if isinstance(dispersion, str) else float(dispersion)
        self.parameter_count = 2 if dispersion == "predicted" else 1

    def build(self, features_shape):
        """Creates the projection for features [B, *], and the shared dispersion."""
        if self.dispersion == "shared":
            shape = self.event_shape[-1:]
            self.log_dispersion = self.add_weight(name="log_dispersion", shape=shape, initializer="zeros")
        super().build(features_shape)

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`log_mean` and `dispersion`, each float32 [B, *event], from features [B, *]."""
        log_mean, *raw_dispersion = self._project(features)
        log_mean = bounded(log_mean, *LOG_MEANS)
        if self.dispersion == "predicted":
            return {"log_mean": log_mean, "dispersion": tf.nn.softplus(raw_dispersion[0]) + SMALLEST_DISPERSION}
        dispersion = tf.exp(self.log_dispersion) if self.dispersion == "shared" else self.dispersion
        return {"log_mean": log_mean, "dispersion": dispersion * tf.ones_like(log_mean)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        log_mean, dispersion = parameters["log_mean"], parameters["dispersion"]
        counts = tfd.NegativeBinomial(total_count=dispersion, logits=log_mean - tf.math.log(dispersion))
        return tfd.Independent(counts, len(self.event_shape), name="NegativeBinomial")

    def _in_support(self, x: tf.Tensor) -> tf.Tensor:
        return super()._in_support(x) & (x == tf.round(x))

    def _wanted(self) -> str:
        return "whole numbers of at least 0: give the counts themselves, not normalised and no logarithms"
