"""The discretized mixture of logistics."""

from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd
from tensorflow_probability import util as tfp_util

from vae_tf.discrete import Discrete
from vae_tf.family import Parameters
from vae_tf.likelihoods.base import Likelihood
from vae_tf.sizes import size

LEVELS = 255
HALF = 0.5 / LEVELS
SMALLEST_SCALE = 0.1 / LEVELS
ROUNDING = 1e-4  # of a level: what float32 leaves of k / 255 * 255


@keras.saving.register_keras_serializable("vae_tf")
class DiscretizedLogisticMixture(Likelihood):
    """A mixture of logistic distributions for each value of 8-bit data, whose levels are 0, 1/255, ..., 1.

    log p(x|z) = sum_i log sum_k pi_ik [sigmoid((x_i + 1/510 - loc_ik) / scale_ik)
    - sigmoid((x_i - 1/510 - loc_ik) / scale_ik)], where the level 0 reaches down to -infinity, and 1 up to infinity
    pi = softmax(features),  loc_k = (k - 1/2) / components + features,  scale = softplus(features) / 10 + 1/2550

    So the components begin side by side in [0, 1], and none is narrower than a tenth of a level. The values are
    independent given z: unlike in the paper, the channels of a pixel are not conditioned on each other.

    Source: Salimans et al. (2017), section 2.1.

    Args:
        event_shape: the shape of one example.
        components: the logistic distributions of each value, at least 1.
        projection: "auto", or None for a decoder that ends in these features, along the last axis: every channel's
            of pi_1, pi_2, ..., then those of loc, then those of scale; see `Likelihood`.
        name: the layer's name.
    """

    support = (0.0, 1.0)
    has_gaps = True
    is_discrete = True
    unbounded_ends = 1

    def __init__(
        self,
        event_shape: Sequence[int],
        components: int = 5,
        projection: Literal["auto"] | None = "auto",
        name: str | None = None,
    ):
        super().__init__(event_shape, projection=projection, name=name)
        self.components = size("DiscretizedLogisticMixture", "components", components)
        self.parameter_count = 3 * self.components

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`logits` of pi, `loc` and `scale`, each float32 [B, *event, components], from features [B, *]."""
        logits, shift, raw_scale = tf.split(tf.stack(self._project(features), axis=-1), 3, axis=-1)
        start = (tf.range(self.components, dtype=tf.float32) + 0.5) / self.components
        return {"logits": logits, "loc": start + shift, "scale": tf.nn.softplus(raw_scale) / 10 + SMALLEST_SCALE}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        components = _Levels(parameters["loc"], parameters["scale"])
        values = tfd.MixtureSameFamily(tfd.Categorical(logits=parameters["logits"]), components)
        return tfd.Independent(values, len(self.event_shape), name="DiscretizedLogisticMixture")

    def mean(self, p: tfd.Distribution) -> tf.Tensor:
        """sum_k pi_k mean_k, which is shown and served, float32 [*batch, *event]; NaN where a parameter is."""
        shares = tf.nn.softmax(p.distribution.mixture_distribution.logits)
        return tf.reduce_sum(shares * p.distribution.components_distribution.mean(), axis=-1)

    def _in_support(self, x: tf.Tensor) -> tf.Tensor:
        levels = LEVELS * x
        return super()._in_support(x) & (tf.abs(levels - tf.round(levels)) < ROUNDING)

    def _wanted(self) -> str:
        return "the levels k / 255 of 8-bit data: give uint8 images / 255, not resized or otherwise changed after"


class _Levels(Discrete):
    """One logistic distribution, rounded to the levels 0, 1/255, ..., 1.

    sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), whose logarithm is exact far from loc, too.
    """

    def __init__(self, loc: tf.Tensor, scale: tf.Tensor, name: str = "Levels"):
        parameters = dict(locals())
        self.loc, self.scale = loc, scale
        super().__init__(parameters, name)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        del dtype, num_classes
        return {"loc": tfp_util.ParameterProperties(), "scale": tfp_util.ParameterProperties()}

    def _event_shape(self):
        return tf.TensorShape([])

    def _event_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _log_prob(self, x):
        above = (x + HALF - self.loc) / self.scale
        below = (x - HALF - self.loc) / self.scale
        lowest, highest = x < HALF, x > 1 - HALF
        log_width = tf.math.log(-tf.math.expm1(-2 * HALF / self.scale))
        return (
            tf.where(highest, 0.0, -tf.nn.softplus(-above))
            + tf.where(lowest, 0.0, -tf.nn.softplus(below))
            + tf.where(lowest | highest, 0.0, log_width)
        )

    def _mean(self):
        # The sum over the levels of P(X >= level) as an integral: to less than half a level.
        return self.scale * (tf.nn.softplus(self.loc / self.scale) - tf.nn.softplus((self.loc - 1) / self.scale))

    def _sample_n(self, n, seed=None):
        values = tfd.Logistic(self.loc, self.scale).sample(n, seed=seed)
        return tf.clip_by_value(tf.round(LEVELS * values), 0, LEVELS) / LEVELS
