"""Masked networks as Keras layers, and the flows that posteriors and priors make of them."""

import itertools
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from vae_tf.errors import InputError
from vae_tf.sizes import size, sizes

LARGEST_LOG_SCALE = 3.0  # of one flow, so that no draw is thrown far away while it learns
MOST_STEPS = 1000  # the layers of more take memory before a weight is made


@keras.saving.register_keras_serializable("vae_tf")
class AutoregressiveNetwork(keras.layers.Layer):
    """A masked network: the shift and the log scale of each z_i, from the z_j before it alone.

    (shift_i, log_scale_i) = f_i(z_1, ..., z_{i-1}; context)

    The masks follow from a degree for each unit, spread evenly over those there can be; a weight is kept where it leads
    to a degree that is not lower (at the output: higher). With `reverse`, "before" counts from the last dimension.
    It starts near shift = 0 and log_scale = 0, and |log_scale| < 3.

    Source: Germain et al. (2015), section 3 (the masks); Kingma et al. (2016), section 4 (the context).

    Args:
        latent_size: D, the number of latent dimensions.
        hidden: the widths of the hidden layers.
        reverse: whether the order of the dimensions is reversed.
        name: the layer's name.
    """

    def __init__(
        self, latent_size: int, hidden: Sequence[int] = (64, 64), reverse: bool = False, name: str | None = None
    ):
        super().__init__(name=name, dtype="float32")
        self.latent_size, self.hidden, self.reverse = latent_size, sizes("The flow", "hidden", hidden), reverse

    def build(self, context_shape=None):
        """Creates the masked layers, and for a context [B, C] the layer that takes it in."""
        widths = [self.latent_size, *self.hidden, 2 * self.latent_size]
        starts = ["he_normal"] * len(self.hidden) + [keras.initializers.RandomNormal(stddev=0.01)]
        self.kernels = [
            self.add_weight(name=f"kernel_{i}", shape=shape, initializer=start)
            for i, (shape, start) in enumerate(zip(itertools.pairwise(widths), starts, strict=True))
        ]
        self.biases = [
            self.add_weight(name=f"bias_{i}", shape=(width,), initializer="zeros") for i, width in enumerate(widths[1:])
        ]
        self.context = None
        if context_shape is not None:
            self.context = keras.layers.Dense(self.hidden[0], use_bias=False, dtype="float32", name="context")
            self.context.build(context_shape)
        self.masks = self._masks(lowest=1 if context_shape is None else 0)  # degree 0 sees the context alone
        self.built = True

    def _masks(self, lowest: int) -> list[np.ndarray]:
        """1 for each weight that is kept, else 0; each float32 and of its kernel's shape."""
        order = np.arange(1, self.latent_size + 1)
        order = order[::-1] if self.reverse else order
        degrees = [order, *(_spread(width, lowest, self.latent_size - 1) for width in self.hidden)]
        masks = [after[None] >= before[:, None] for before, after in itertools.pairwise(degrees)]
        masks.append(np.tile(order, 2)[None] > degrees[-1][:, None])  # shifts, then log scales
        return [mask.astype(np.float32) for mask in masks]

    def call(self, z: tf.Tensor, context: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """The shift and the log scale, each float32 [*, B, D], of z [*, B, D] and a context [B, C]."""
        values = z
        for i, (kernel, bias, mask) in enumerate(zip(self.kernels, self.biases, self.masks, strict=True)):
            values = tf.matmul(values, kernel * mask) + bias
            if i == 0 and self.context is not None:
                values += self.context(context)
            if i < len(self.hidden):
                values = tf.nn.elu(values)
        shift, log_scale = tf.split(values, 2, axis=-1)
        return shift, LARGEST_LOG_SCALE * tf.tanh(log_scale / LARGEST_LOG_SCALE)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {
            "latent_size": self.latent_size,
            "hidden": list(self.hidden),
            "reverse": self.reverse,
            "name": self.name,
        }


def _spread(count: int, lowest: int, highest: int) -> np.ndarray:
    """`count` degrees from `lowest` to `highest`, the highest among them."""
    degrees = lowest - 1 + np.ceil(np.arange(1, count + 1) * (highest - lowest + 1) / count)
    return np.maximum(degrees, lowest).astype(int)


def networks(latent_size: int, steps: int, hidden: Sequence[int]) -> list[AutoregressiveNetwork]:
    """The masked networks of `steps` flows, each in the order that is the reverse of the one before.

    Raises:
        InputError: for fewer than one step, or more than 1000.
    """
    steps = size("The flow", "steps", steps)
    if steps > MOST_STEPS:
        raise InputError(f"The flow got steps={steps}: give at most {MOST_STEPS}.")
    return [AutoregressiveNetwork(latent_size, hidden, reverse=bool(i % 2), name=f"flow_{i}") for i in range(steps)]


def masked_autoregressive(networks: Sequence[AutoregressiveNetwork]) -> tfb.Bijector:
    """The flow whose density is fast: each step gives z_i = e_i exp(log_scale_i(z)) + shift_i(z).

    e from z takes one pass through each network, z from e one for each dimension.

    Source: Papamakarios et al. (2017), section 3.1.
    """
    return tfb.Chain([tfb.MaskedAutoregressiveFlow(network) for network in reversed(networks)])


def inverse_autoregressive(networks: Sequence[AutoregressiveNetwork], context: tf.Tensor) -> tfb.Bijector:
    """The flow whose draws are fast: each step gives z_i = (e_i - shift_i(e)) exp(-log_scale_i(e)).

    z from e takes one pass through each network, e from z one for each dimension; for a z that this very object has
    made, tfp remembers e.

    Source: Kingma et al. (2016), section 3.

    Args:
        networks: one for each step.
        context: what the steps depend on, float32 [B, C].
    """
    steps = [tfb.MaskedAutoregressiveFlow(_given(network, context)) for network in reversed(networks)]
    return tfb.Chain([tfb.Invert(step) for step in steps])


def _given(network: AutoregressiveNetwork, context: tf.Tensor):
    return lambda z: network(z, context)
