"""Pairs of networks: an encoder from x to features, and a decoder from z to features.

The posterior projects the encoder's features to its parameters, the likelihood those of the decoder; so any
Keras network that ends in features takes the place of these.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import keras
from keras import layers

from vae_tf.errors import InputError
from vae_tf.inputs import Log1p, Standardize
from vae_tf.sizes import size, sizes

Inputs = Literal["log1p", "standardize"] | None


class Networks(NamedTuple):
    """An encoder and a decoder that belong together."""

    encoder: keras.Model
    decoder: keras.Model


def mlp(
    event_shape: Sequence[int],
    latent_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    activation: str = "relu",
    inputs: Inputs = None,
) -> Networks:
    """Fully connected networks for data of any shape, the decoder the mirror of the encoder.

    Args:
        event_shape: the shape of one example, such as (28, 28, 1) or (17,).
        latent_size: the number of latent dimensions.
        hidden: the encoder's layer widths, from x to z.
        activation: the name of a Keras activation.
        inputs: what the encoder does with x first: "log1p" for counts; "standardize" for other values that are not of
            order 1, such as a table's (then give the data to `encoder.get_layer("standardize").adapt`); or None.

    Returns:
        The encoder [B, *event] -> [B, hidden[-1]] and the decoder [B, latent_size] -> [B, hidden[0]].

    Raises:
        InputError: where a size is below 1, or Keras has no such activation; for other `inputs`.
    """
    _check_activation(activation)
    event_shape = sizes("The network", "event_shape", event_shape)
    hidden = sizes("The network", "hidden", hidden)

    x = keras.Input(event_shape, name="x")
    features = layers.Flatten()(_transformed(x, inputs))
    for width in hidden:
        features = layers.Dense(width, activation=activation)(features)
    encoder = keras.Model(x, features, name="encoder")

    z = keras.Input((size("The network", "latent_size", latent_size),), name="z")
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
    inputs: Inputs = None,
) -> Networks:
    """Convolutional networks for images of any size: each layer halves it, the decoder doubles it back.

    Args:
        event_shape: (height, width, channels) of one image; odd sizes are cropped back in the decoder.
        latent_size: the number of latent dimensions.
        filters: the filters of the encoder's 3x3 convolutions of stride 2, from x to z.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.
        inputs: what the encoder does with x first: "log1p" for counts; "standardize" for other values that are not of
            order 1, such as a table's (then give the data to `encoder.get_layer("standardize").adapt`); or None.

    Returns:
        The encoder [B, height, width, channels] -> [B, hidden] and the decoder
        [B, latent_size] -> [B, height, width, filters[0]].

    Raises:
        InputError: where the event is not an image, a size is below 1, or Keras has no such activation; for other
            `inputs`.
    """
    _check_activation(activation)
    event_shape = _image("conv", event_shape)
    filters = sizes("The network", "filters", filters)
    hidden = size("The network", "hidden", hidden)

    x = keras.Input(event_shape, name="x")
    features = _transformed(x, inputs)
    for count in filters:
        features = layers.Conv2D(count, 3, strides=2, padding="same", activation=activation)(features)
    features = layers.Dense(hidden, activation=activation)(layers.Flatten()(features))
    encoder = keras.Model(x, features, name="encoder")

    smallest = _smallest(event_shape, filters)
    z = keras.Input((size("The network", "latent_size", latent_size),), name="z")
    features = layers.Dense(math.prod(smallest), activation=activation)(z)
    features = layers.Reshape(smallest)(features)
    for count in reversed(filters):
        features = layers.Conv2DTranspose(count, 3, strides=2, padding="same", activation=activation)(features)
    return Networks(encoder, keras.Model(z, _cropped(features, event_shape), name="decoder"))


def resnet(
    event_shape: Sequence[int],
    latent_size: int = 16,
    filters: Sequence[int] = (32, 64),
    blocks: int = 1,
    hidden: int = 128,
    activation: str = "relu",
    inputs: Inputs = None,
) -> Networks:
    """Residual convolutional networks for images of any size: each stage halves it, the decoder doubles it back.

    A block adds to its input what two 3x3 convolutions make of it, each after the activation.

    Source: He et al. (2016), "Identity Mappings in Deep Residual Networks", figure 1 (b), without normalisation, so
    that an example does not depend on its neighbours.

    Args:
        event_shape: (height, width, channels) of one image; odd sizes are cropped back in the decoder.
        latent_size: the number of latent dimensions.
        filters: the filters of the encoder's stages, from x to z.
        blocks: the residual blocks of each stage.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.
        inputs: what the encoder does with x first: "log1p" for counts; "standardize" for other values that are not of
            order 1, such as a table's (then give the data to `encoder.get_layer("standardize").adapt`); or None.

    Returns:
        The encoder [B, height, width, channels] -> [B, hidden] and the decoder
        [B, latent_size] -> [B, height, width, filters[0]].

    Raises:
        InputError: where the event is not an image, a size is below 1, or Keras has no such activation; for other
            `inputs`.
    """
    _check_activation(activation)
    event_shape = _image("resnet", event_shape)
    filters = sizes("The network", "filters", filters)
    blocks, hidden = size("The network", "blocks", blocks), size("The network", "hidden", hidden)

    x = keras.Input(event_shape, name="x")
    features = _transformed(x, inputs)
    for count in filters:
        features = layers.Conv2D(count, 3, strides=2, padding="same")(features)
        for _ in range(blocks):
            features = _residual_block(features, activation)
    features = layers.Flatten()(layers.Activation(activation)(features))
    features = layers.Dense(hidden, activation=activation)(features)
    encoder = keras.Model(x, features, name="encoder")

    smallest = _smallest(event_shape, filters)
    z = keras.Input((size("The network", "latent_size", latent_size),), name="z")
    features = layers.Dense(hidden, activation=activation)(z)
    features = layers.Reshape(smallest)(layers.Dense(math.prod(smallest))(features))
    for count in reversed(filters):
        for _ in range(blocks):
            features = _residual_block(features, activation)
        features = layers.Conv2DTranspose(count, 3, strides=2, padding="same")(features)
    features = _cropped(layers.Activation(activation)(features), event_shape)
    return Networks(encoder, keras.Model(z, features, name="decoder"))


def _transformed(x, inputs: Inputs):
    if inputs is None:
        return x
    if inputs == "log1p":
        return Log1p(name=inputs)(x)
    if inputs == "standardize":
        return Standardize(name=inputs)(x)
    raise InputError(f'The network got inputs={inputs!r}: give "log1p", "standardize" or None.')


def _residual_block(features, activation: str):
    count = features.shape[-1]
    residual = features
    for _ in range(2):
        residual = layers.Conv2D(count, 3, padding="same")(layers.Activation(activation)(residual))
    return layers.Add()([features, residual])


def _image(network: str, event_shape: Sequence[int]) -> tuple[int, ...]:
    event_shape = sizes("The network", "event_shape", event_shape)
    if len(event_shape) != 3:
        channel = ", which grey images have as x[..., None]" if len(event_shape) == 2 else ""
        raise InputError(
            f"{network} got event_shape={event_shape}: give (height, width, channels){channel}, or use mlp for other "
            f"shapes."
        )
    return event_shape


def _smallest(event_shape: tuple[int, ...], filters: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape between encoder and decoder, each stage of which halves or doubles height and width."""
    factor = 2 ** len(filters)
    return math.ceil(event_shape[0] / factor), math.ceil(event_shape[1] / factor), filters[-1]


def _cropped(features, event_shape: tuple[int, ...]):
    """Features as high and wide as the event, where doubling has made more."""
    excess = [(0, size - wanted) for size, wanted in zip(features.shape[1:3], event_shape[:2], strict=True)]
    return layers.Cropping2D(excess)(features) if any(sum(excess, ())) else features


def _check_activation(name: str) -> None:
    try:
        keras.activations.get(name)
    except ValueError as error:
        raise InputError(
            f"The network got activation={name!r}: give the name of one of Keras, such as relu."
        ) from error
