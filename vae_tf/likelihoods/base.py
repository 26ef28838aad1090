"""What every likelihood is, and how features become its parameters."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Parameters
from vae_tf.settled import Settled
from vae_tf.sizes import sizes

CHUNK = 2**20  # values that are looked at together


class Likelihood(Settled, keras.layers.Layer):
    """p(x|z): from the decoder's features to a distribution over data.

    With `projection="auto"` the features become parameters by one of three rules:
    features [height, width, F] for an event [height, width, C] pass a 3x3 convolution; features [*lead, F] for an
    event [*lead, C] a dense layer on the last axis; flat features [F] a dense layer and a reshape. With
    `projection=None` the features are the parameters already, as in a decoder that ends in logits.
    All that it computes is float32, whatever the networks' precision.

    Args:
        event_shape: the shape of one example.
        projection: "auto" or None, see above.
        name: the layer's name.

    Attributes:
        support: the closed interval that holds every value of x.
        has_gaps: whether only some values of that interval are taken.
        is_discrete: whether log p(x|z) is a log-probability of x, not a log-density.
        takes_whole_numbers: whether x are counts or numbers of categories, so that uint8 data are those, not pixels.
        parameter_count: the parameters of each value of x.
        unbounded_ends: how many ends of the real line its parameters have to reach: 2 where they are logits or
            logarithms, 1 where only their differences count, as those of a softmax, or 0.
        encoder_inputs: what an encoder of such data does with them first; see `vae_tf.networks`.
    """

    support: tuple[float, float] = (-math.inf, math.inf)
    has_gaps = False
    is_discrete = False
    takes_whole_numbers = False
    parameter_count = 1
    unbounded_ends = 0
    encoder_inputs: Literal["log1p", "standardize"] | None = None

    def __init__(
        self, event_shape: Sequence[int], projection: Literal["auto"] | None = "auto", name: str | None = None
    ):
        super().__init__(name=name, dtype="float32")
        self.event_shape = sizes(type(self).__name__, "event_shape", event_shape)
        self.projection = projection
        if projection not in ("auto", None):
            raise InputError(f'{type(self).__name__} got projection={projection!r}: give "auto" or None.')

    def build(self, features_shape):
        """Creates the projection for features [B, *]."""
        *lead, channels = self.event_shape
        outputs = channels * self.parameter_count
        features = tuple(features_shape[1:])
        linear: keras.layers.Layer | None
        if self.projection is None:
            if features != (*lead, outputs):
                raise InputError(
                    f"The decoder ends in shape {features}, but {type(self).__name__}(projection=None) takes "
                    f'parameters of shape {(*lead, outputs)}: change its last layer, or use projection="auto".'
                )
            linear = None
        elif len(features) == 1:
            linear = keras.layers.Dense(math.prod(self.event_shape) * self.parameter_count, dtype="float32")
        elif list(features[:-1]) != lead:
            raise InputError(
                f"The decoder ends in shape {features}, but the data has shape {self.event_shape}: end it in "
                f"shape {(*lead, 'any')}, or in flat features."
            )
        elif len(lead) == 2:
            # In the transposed form, whose gradients TensorFlow computes five times as fast for few channels on a CPU.
            linear = keras.layers.Conv2DTranspose(outputs, 3, padding="same", dtype="float32")
        else:
            linear = keras.layers.Dense(outputs, dtype="float32")
        if linear is not None:
            linear.build((None, *features))
        self.linear = linear
        self.built = True

    def parameters(self, features: tf.Tensor) -> Parameters:
        """The parameters of p(x|z) from features [B, *], float32 [B, *event] or, several a value, [B, *event, n]."""
        raise NotImplementedError

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event] and the parameters' leading axes as batch."""
        raise NotImplementedError

    def log_prob(self, p: tfd.Distribution, x: tf.Tensor) -> tf.Tensor:
        """log p(x|z), float32 [*batch], nats, of x [B, *event]; the batch of p ends in [B]."""
        return p.log_prob(x)

    def mean(self, p: tfd.Distribution) -> tf.Tensor:
        """The mean of p(x|z), which is shown and served, float32 [*batch, *event]; NaN where a parameter is."""
        mean = p.mean()
        batch = mean.shape[: -len(self.event_shape)]
        mean.set_shape((*batch, *self.event_shape))  # tfp forgets sizes that it has broadcast
        return mean

    def accepts(self, x: tf.Tensor) -> tf.Tensor:
        """Whether p(x|z) is defined for every value of an example, bool [B], for x, float32 [B, *event]."""
        return tf.reduce_all(self._in_support(x), axis=list(range(-len(self.event_shape), 0)))

    def check(self, x, name: str = "x") -> None:
        """Refuses data that this likelihood gives no density.

        Args:
            x: values [N, *event], an array or a tensor with a value.
            name: what the message calls it.

        Raises:
            InputError: where the shape is another, or a value is NaN, infinite or outside the support; the sentence
                names its channel, the last axis.
        """
        x = np.asarray(x)
        if x.shape[1:] != self.event_shape:
            raise InputError(
                f"{name} has shape {x.shape}; this model takes {('N', *self.event_shape)}: reshape the data or "
                f"build the model for shape {x.shape[1:]}."
            )
        if not x.size:
            return
        low, high = self.support
        least, most = x.min(), x.max()
        if not self.has_gaps and np.isfinite(least) and np.isfinite(most) and low <= least and most <= high:
            return  # in microseconds: training asks of each batch
        in_support = lambda values: self._in_support(tf.cast(values, tf.float32)).numpy()  # noqa: E731
        rows = max(1, CHUNK // math.prod(self.event_shape))
        for first in range(0, len(x), rows):
            wrong = np.argwhere(~in_support(x[first : first + rows]))
            if len(wrong):
                index = (first + int(wrong[0][0]), *wrong[0][1:].tolist())
                raise InputError(
                    f"{name} is {x[index]!s} in channel {index[-1]} (index {index}); {type(self).__name__} takes "
                    f"{self._wanted()}."
                )

    def is_cross_entropy(self, x) -> bool:
        """Whether log p(x|z) is no log-density of such data, only a cross-entropy."""
        del x
        return False

    @property
    def output_shape(self) -> tuple:
        """The shape of a batch of examples, which `summary()` shows."""
        return (None, *self.event_shape)

    def _project(self, features: tf.Tensor) -> list[tf.Tensor]:
        """Features [B, *] to `parameter_count` float32 tensors [B, *event]."""
        if self.linear is not None:
            features = self.linear(features)
        *lead, channels = self.event_shape
        values = tf.reshape(
            tf.cast(features, tf.float32), [tf.shape(features)[0], *lead, self.parameter_count * channels]
        )
        return tf.split(values, self.parameter_count, axis=-1)

    def _in_support(self, x: tf.Tensor) -> tf.Tensor:
        """Which values p(x|z) is defined for, bool, of the shape of x, float32."""
        low, high = self.support
        return tf.math.is_finite(x) & (x >= low) & (x <= high)

    def _wanted(self) -> str:
        """The values that are taken, and how to make such of others."""
        if self.support == (-math.inf, math.inf):
            return "finite values: remove or replace the others"
        low, high = self.support
        return f"values in [{low:g}, {high:g}]: scale the data (uint8 images: x / 255), or take another likelihood"
