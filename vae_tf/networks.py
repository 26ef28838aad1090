"""Pairs of networks: an encoder from x to features, and a decoder from z to features.

The posterior projects the encoder's features to its parameters, the likelihood those of the decoder; so any
Keras network that ends in features takes the place of these.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import layers

from vae_tf.errors import InputError


class Networks(NamedTuple):
    """An encoder and a decoder that belong together."""

    encoder: keras.Model
    decoder: keras.Model


def mlp(
    event_shape: Sequence[int],
    latent_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    activation: str = "relu",
) -> Networks:
    """Fully connected networks for data of any shape, the decoder the mirror of the encoder.

    Args:
        event_shape: the shape of one example, such as (28, 28, 1) or (17,).
        latent_size: the number of latent dimensions.
        hidden: the encoder's layer widths, from x to z.
        activation: the name of a Keras activation.

    Returns:
        The encoder [B, *event] -> [B, hidden[-1]] and the decoder [B, latent_size] -> [B, hidden[0]].

    Raises:
        InputError: where a size is below 1, or Keras has no such activation.
    """
    _check_activation(activation)
    event_shape = _sizes("event_shape", event_shape)
    hidden = _sizes("hidden", hidden)

    x = keras.Input(event_shape, name="x")
    features = layers.Flatten()(x)
    for width in hidden:
        features = layers.Dense(width, activation=activation)(features)
    encoder = keras.Model(x, features, name="encoder")

    z = keras.Input(_sizes("latent_size", [latent_size]), name="z")
    features = z
    for width in reversed(hidden):
        features = layers.Dense(width, activation=activation)(features)
    return Networks(encoder, keras.Model(z, features, name="decoder"))


def conv(
    event_shape: Sequence[int],
    latent_size: int = 16,
    filters: Sequence[int] = (32, 64),
    hidden: int = 128,
    activation: str = "relu",
) -> Networks:
    """Convolutional networks for images of any size: each layer halves it, the decoder doubles it back.

    Args:
        event_shape: (height, width, channels) of one image; odd sizes are cropped back in the decoder.
        latent_size: the number of latent dimensions.
        filters: the filters of the encoder's 3x3 convolutions of stride 2, from x to z.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.

    Returns:
        The encoder [B, height, width, channels] -> [B, hidden] and the decoder
        [B, latent_size] -> [B, height, width, filters[0]].

    Raises:
        InputError: where the event is not an image, a size is below 1, or Keras has no such activation.
    """
    _check_activation(activation)
    event_shape = _sizes("event_shape", event_shape)
    if len(event_shape) != 3:
        raise InputError(
            f"conv got event_shape={event_shape}: give (height, width, channels), or use mlp for other shapes."
        )
    filters = _sizes("filters", filters)
    (hidden,) = _sizes("hidden", [hidden])
    height, width, _ = event_shape

    x = keras.Input(event_shape, name="x")
    features = x
    for count in filters:
        features = layers.Conv2D(count, 3, strides=2, padding="same", activation=activation)(features)
    features = layers.Dense(hidden, activation=activation)(layers.Flatten()(features))
    encoder = keras.Model(x, features, name="encoder")

    factor = 2 ** len(filters)
    smallest = (math.ceil(height / factor), math.ceil(width / factor), filters[-1])
    z = keras.Input(_sizes("latent_size", [latent_size]), name="z")
    features = layers.Dense(math.prod(smallest), activation=activation)(z)
    features = layers.Reshape(smallest)(features)
    for count in reversed(filters):
        features = layers.Conv2DTranspose(count, 3, strides=2, padding="same", activation=activation)(features)
    excess = (smallest[0] * factor - height, smallest[1] * factor - width)
    if any(excess):
        features = layers.Cropping2D([(0, excess[0]), (0, excess[1])])(features)
    return Networks(encoder, keras.Model(z, features, name="decoder"))


def _sizes(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(sizes)
    if not sizes or any(size < 1 for size in sizes):
        raise InputError(f"The network got {name}={sizes}: give sizes of at least 1.")
    return sizes


def _check_activation(name: str) -> None:
    try:
        keras.activations.get(name)
    except ValueError as error:
        raise InputError(
            f"The network got activation={name!r}: give the name of one of Keras, such as relu."
        ) from error
