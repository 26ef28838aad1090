"""Convolutional networks of a ladder: several stochastic layers on grids of growing resolution."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import layers

from vae_tf.errors import InputError
from vae_tf.latents import Ladder, Rung
from vae_tf.networks.base import Inputs, check_activation, transformed
from vae_tf.networks.images import image
from vae_tf.posteriors import RelativeNormal
from vae_tf.priors import ConditionalNormal, StandardNormal
from vae_tf.sizes import size, sizes


class LadderNetworks(NamedTuple):
    """An encoder with an output for each rung, a decoder of the last state, and the rungs between them."""

    encoder: keras.Model
    decoder: keras.Model
    latents: Ladder


def ladder(
    event_shape: Sequence[int],
    levels: Sequence[Sequence[int]] = ((1, 16, 2), (7, 8, 4), (14, 4, 6)),
    filters: int = 32,
    blocks: int = 1,
    activation: str = "gelu",
    inputs: Inputs = None,
) -> LadderNetworks:
    """Networks of a ladder for square images: features go up from x, codes and a state come down.

    A rung's code is a grid [resolution, resolution, channels]. Its posterior corrects its prior by the encoder's
    features of that resolution and the state, its prior sees the state alone, and what comes down adds the code to the
    state and runs through residual blocks. A block is a bottleneck of two 3x3 convolutions between two of 1x1; its last
    convolution starts 1/sqrt(all blocks in a column) as large as otherwise. Between resolutions, features are averaged
    on the way up, and each is repeated on the way down.

    Source: Child (2021), "Very deep VAEs generalize autoregressive models", section 3 and figure 3; the posterior:
    Vahdat and Kautz (2020), section 3.2.

    Args:
        event_shape: (height, width, channels) of one image, as high as wide.
        levels: (resolution, channels, rungs) of each level, from the top down. Each resolution is a multiple of the one
            above it, and that of the image a multiple of the last.
        filters: of the features and of the state.
        blocks: the residual blocks of each rung, and of each resolution of the encoder and the decoder.
        activation: the name of a Keras activation.
        inputs: what the encoder does with x first: "log1p" for counts; "standardize" for other values that are not of
            order 1 (then give the data to `encoder.get_layer("standardize").adapt`); or None.

    Returns:
        The encoder [B, height, width, channels] -> features of each rung, the decoder of the last state, and the
        `Ladder`: give them as VAE(encoder, decoder, latents=ladder).

    Raises:
        InputError: if the event is not a square image, a size is below 1, or the resolutions do not meet; for other
            `inputs`.
    """
    check_activation(activation)
    event_shape = image("ladder", event_shape)
    levels = [_level(level) for level in levels]
    filters, blocks = size("The network", "filters", filters), size("The network", "blocks", blocks)
    resolutions = [*(resolution for resolution, _, _ in levels), event_shape[0]]
    if not levels or event_shape[0] != event_shape[1]:
        raise InputError(f"ladder got images of {event_shape} and levels={levels}: give square images, and a level.")
    for above, below in itertools.pairwise(resolutions):
        if below % above or below == above:
            raise InputError(
                f"The resolutions of the ladder do not meet: {below} is no multiple of {above}, which is above it: "
                f"give levels such as (1, 16, 2), (7, 8, 4), (14, 4, 6) for images of 28 x 28."
            )
    rungs = sum(count for _, _, count in levels)
    column = _Column(filters, blocks, activation, blocks * (rungs + len(levels) + 1))

    x = keras.Input(event_shape, name="x")
    features = column.run(layers.Conv2D(filters, 3, padding="same")(transformed(x, inputs)))
    up: list[keras.KerasTensor] = []  # from the bottom up
    for resolution, _, count in reversed(levels):
        factor = features.shape[1] // resolution
        features = column.run(layers.AveragePooling2D(factor)(features))
        up += [layers.Conv2D(filters, 1, activation=activation)(features) for _ in range(count)]
    encoder = keras.Model(x, up[::-1], name="encoder")

    made: list[Rung] = []
    for number, (resolution, channels, count) in enumerate(levels):
        for place in range(count):
            grows = resolutions[number + 1] // resolution if place == count - 1 and number + 1 < len(levels) else 1
            down = column.down((resolution, resolution, channels), grows, is_top=not made)
            shape = (resolution, resolution, channels)
            prior = ConditionalNormal(shape) if made else StandardNormal(shape)
            made.append(Rung(RelativeNormal(shape), prior, down, name=f"rung_{len(made) + 1}"))

    state = keras.Input((levels[-1][0], levels[-1][0], filters), name="state")
    features = column.run(layers.UpSampling2D(event_shape[0] // levels[-1][0])(state))
    decoder = keras.Model(state, layers.Activation(activation)(features), name="decoder")
    return LadderNetworks(encoder, decoder, Ladder(made))


def _level(level: Sequence[int]) -> tuple[int, int, int]:
    found = sizes("The network", "level", level)
    if len(found) != 3:
        raise InputError(f"ladder got the level {tuple(level)}: give (resolution, channels, rungs), such as (7, 8, 4).")
    resolution, channels, rungs = found
    return resolution, channels, rungs


class _Column:
    """What all networks of a ladder are made of.

    Args:
        filters: of the features.
        blocks: residual blocks that run one after the other.
        activation: the name of a Keras activation.
        total: the residual blocks from one end to the other.
    """

    def __init__(self, filters: int, blocks: int, activation: str, total: int):
        self.filters, self.blocks, self.activation = filters, blocks, activation
        self.total = total

    def run(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Features [B, height, width, filters] through the residual blocks."""
        for _ in range(self.blocks):
            features = self._block(features)
        return features

    def down(self, shape: tuple[int, int, int], grows: int, is_top: bool) -> keras.Model:
        """(state, z) -> state, or at the top z -> state, `grows` times as high and wide."""
        z = keras.Input(shape, name="z")
        added = layers.Conv2D(self.filters, 1)(z)
        if is_top:
            inputs, features = z, added
        else:
            state = keras.Input((*shape[:2], self.filters), name="state")
            inputs, features = [state, z], layers.Add()([state, added])
        features = self.run(features)
        return keras.Model(inputs, layers.UpSampling2D(grows)(features) if grows > 1 else features)

    def _block(self, features: keras.KerasTensor) -> keras.KerasTensor:
        narrow = max(1, self.filters // 2)
        kernel = 3 if features.shape[1] > 2 else 1
        residual = features
        for filters, kernel_size in ((narrow, 1), (narrow, kernel), (narrow, kernel)):
            residual = layers.Activation(self.activation)(residual)
            residual = layers.Conv2D(filters, kernel_size, padding="same")(residual)
        residual = layers.Activation(self.activation)(residual)
        start = keras.initializers.VarianceScaling(1 / self.total, "fan_in", "truncated_normal")
        return layers.Add()([features, layers.Conv2D(self.filters, 1, kernel_initializer=start)(residual)])
