"""What likelihoods with a location and a scale share."""

import abc
import numbers
from collections.abc import Sequence
from typing import Literal

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Parameters
from vae_tf.likelihoods.base import Likelihood

SMALLEST_SCALE = 1e-3


class LocationScale(Likelihood, abc.ABC):
    """A likelihood of real values with a location that the decoder predicts, and a scale.

    Args:
        event_shape: the shape of one example.
        scale: a number above 0, "shared" or "predicted".
        projection: "auto", or None for a decoder that ends in loc (then scale before softplus, along the last
            axis, where it is predicted); see `Likelihood`.
        name: the layer's name.
    """

    encoder_inputs = "standardize"

    def __init__(
        self,
        event_shape: Sequence[int],
        scale: float | Literal["shared", "predicted"] = "shared",
        projection: Literal["auto"] | None = "auto",
        name: str | None = None,
    ):
        super().__init__(event_shape, projection=projection, name=name)
        if scale not in ("shared", "predicted") and not (isinstance(scale, numbers.Real) and scale > 0):
            raise InputError(
                f'{type(self).__name__} got scale={scale!r}: give a number above 0, "shared" or "predicted".'
            )
        self.scale = scale if isinstance(scale, str) else float(scale)
        self.parameter_count = 2 if scale == "predicted" else 1

    def build(self, features_shape):
        """Creates the projection for features [B, *], and the shared scale."""
        if self.scale == "shared":
            self.log_scale = self.add_weight(name="log_scale", shape=(), initializer="zeros")
        super().build(features_shape)

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`loc` and `scale`, each float32 [B, *event], from features [B, *]."""
        loc, *raw_scale = self._project(features)
        if self.scale == "predicted":
            return {"loc": loc, "scale": tf.nn.softplus(raw_scale[0]) + SMALLEST_SCALE}
        scale = tf.exp(self.log_scale) if self.scale == "shared" else self.scale
        return {"loc": loc, "scale": scale * tf.ones_like(loc)}

    @abc.abstractmethod
    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event], from `loc` and `scale`."""

    def mean(self, p: tfd.Distribution) -> tf.Tensor:
        """loc, which is shown and served, float32 [*batch, *event]."""
        return p.distribution.loc
