"""What posteriors and priors both are: a family of distributions over a space of codes, given a context."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.settled import Settled
from vae_tf.sizes import size
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
    """

    context: tf.Tensor | None = None
    encode: Encode | None = None


class Family(Settled, keras.layers.Layer):
    """A family of distributions over codes, one for each context.

    `parameters` and `distribution` are apart so that an objective can stop gradients through the parameters.
    All that it computes is float32, whatever the networks' precision.

    Args:
        latent_size: D, the number of latent dimensions.
        name: the layer's name.

    Attributes:
        space: of the codes.
        noise_size: the standard normals that `draw` needs for each draw.
    """

    space_class: type[Space] = Real

    def __init__(self, latent_size: int, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.latent_size: int = size(type(self).__name__, "latent_size", latent_size)
        self.noise_size: int = self.latent_size

    @property
    def space(self) -> Space:
        """The space of the codes."""
        return self.space_class((self.latent_size,))

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
