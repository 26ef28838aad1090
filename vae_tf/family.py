"""What posteriors and priors both are: a family of distributions over a space of codes, given a context."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.settled import Settled
from vae_tf.sizes import shape
from vae_tf.spaces import Real, Space

Parameters = dict[str, tf.Tensor]  # of a distribution, by name


class Encode(NamedTuple):
    """The model's own q(z|x), for priors that are made of posteriors.

    Attributes:
        posterior: x [B, *event] -> q(z|x).
        draw: (q(z|x), standard normals [K, B, noise_size]) -> z [K, B, D].
    """

    posterior: Callable[[tf.Tensor], tfd.Distribution]
    draw: Callable[[tfd.Distribution, tf.Tensor], tf.Tensor]


class Given(NamedTuple):
    """What a distribution over codes depends on.

    Attributes:
        context: for a posterior the features of x, [B, *]; for a prior the condition, float32 [B, C], or None.
        encode: the model's own posterior, for a prior that is made of posteriors.
        prior: gives p(z), for a posterior that corrects it.
        noise: standard normals [*, bound_noise_size], for a prior whose log p(z) is an estimate.
        training: whether the pass trains, for a prior with networks of its own.
    """

    context: tf.Tensor | None = None
    encode: Encode | None = None
    prior: Callable[[], tfd.Distribution] | None = None
    noise: tf.Tensor | None = None
    training: bool = False


class Family(Settled, keras.layers.Layer):
    """A family of distributions over codes, one for each context.

    `parameters` and `distribution` are apart so that an objective can stop gradients through the parameters.
    All that it computes is float32, whatever the networks' precision.

    Args:
        latent_size: D, the number of latent dimensions; or the shape of a grid of them, such as (7, 7, 4).
        name: the layer's name.

    Attributes:
        latent_size: D, which is 196 for a grid (7, 7, 4).
        space: of the codes, which says their shape.
        noise_size: the standard normals that `draw` needs for each draw.
    """

    space_class: type[Space] = Real

    def __init__(self, latent_size: int | Sequence[int], name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self._shape = shape(type(self).__name__, "latent_size", latent_size)
        self.latent_size: int = math.prod(self._shape)
        self.noise_size: int = self.latent_size

    @property
    def space(self) -> Space:
        """The space of the codes."""
        return self.space_class(self._shape)

    def parameters(self, given: Given) -> Parameters:
        """The parameters of the distribution that is given, each float32 [B, *]; none if it is always the same."""
        del given
        return {}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """The distribution, with batch [B], or [] if it is always the same, and event [D]."""
        raise NotImplementedError

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Draws, float32 [*, D], from standard normals [*, noise_size]."""
        raise NotImplementedError

    def get_config(self) -> dict:
        """The constructor's arguments."""
        config = super().get_config()
        return config if len(self._shape) == 1 else {**config, "latent_size": list(self._shape)}

    def _linear(
        self, context_shape, name: str, size: int | tuple[int, ...] | None = None, start: str = "glorot_uniform"
    ) -> keras.layers.Dense:
        """A float32 linear layer for contexts [B, ...], built; see `_values`.

        Args:
            context_shape: of a batch of contexts.
            name: of the layer.
            size: how many values it gives, or their shape; if not given, that of a code.
            start: the initializer of its kernel.
        """
        self._context_shape = tuple(context_shape[1:])
        values = self._shape if size is None else size if isinstance(size, tuple) else (size,)
        is_placewise = self._is_placewise(values)
        units = values[-1] if is_placewise else math.prod(values)
        linear = keras.layers.Dense(units, kernel_initializer=start, dtype="float32", name=name)
        linear.build((None, self._context_shape[-1] if is_placewise else math.prod(self._context_shape)))
        return linear

    def _values(
        self, linear: keras.layers.Dense, context: tf.Tensor, shape: tuple[int, ...] | None = None
    ) -> tf.Tensor:
        """The values of a linear layer for each context [*, ...], flat, float32 [*, D].

        Each place of a grid of values has those of the same place of the context, if it is a grid as high and wide;
        else all values have all of the context.

        Args:
            linear: made by `_linear` for values of this shape.
            context: the contexts.
            shape: of the values; if not given, that of a code.
        """
        shape = self._shape if shape is None else shape
        if not self._is_placewise(shape):
            return linear(self._flat(context))
        return tf.reshape(linear(context), tf.concat([self._lead(context), [math.prod(shape)]], axis=0))

    def _flat(self, context: tf.Tensor) -> tf.Tensor:
        """Contexts [*, ...] as [*, F]."""
        return tf.reshape(context, tf.concat([self._lead(context), [math.prod(self._context_shape)]], axis=0))

    def _lead(self, context: tf.Tensor) -> tf.Tensor:
        return tf.shape(context)[: len(context.shape) - len(self._context_shape)]

    def _is_placewise(self, shape: tuple[int, ...]) -> bool:
        return len(shape) > 1 and self._context_shape[:-1] == shape[:-1]

    @property
    def output_shape(self) -> tuple:
        """The shape of a batch of codes, which `summary()` shows."""
        return (None, self.latent_size)


@runtime_checkable
class Factorised(Protocol):
    """A family of products over the dimensions."""

    def marginals(self, distribution: tfd.Distribution) -> tfd.Distribution:
        """The distribution of each dimension, batch [B, D] or [D], event []."""


@runtime_checkable
class WithCovariance(Protocol):
    """A family whose covariance has a closed form, and can be the identity."""

    def covariance(self, distribution: tfd.Distribution) -> tf.Tensor:
        """The covariance, float32 [B, D, D]."""
