"""Convolutional networks."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from vae_tf.networks.base import Inputs, Networks, check_activation, transformed
from vae_tf.networks.conditional import Conditional, Conditions
from vae_tf.networks.images import cropped, grid, image, smallest
from vae_tf.sizes import size, sizes


def conv(
    event_shape: Sequence[int],
    latent_size: int = 16,
    filters: Sequence[int] = (32, 64),
    hidden: int = 128,
    activation: str = "relu",
    inputs: Inputs = None,
    conditions: Conditions = None,
    latent_shape: Sequence[int] | None = None,
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
        conditions: what the networks take besides, by name, such as {"label": networks.Label(10)}. The encoder's last
            layer and the decoder's first take it beside the features and z.
        latent_shape: in place of `latent_size`, the shape of a grid of codes as high and wide as the smallest features,
            such as (7, 7, 4) for images of 28 x 28 and two filters; then no layer is dense, and `hidden` is not used.

    Returns:
        The encoder [B, height, width, channels] -> [B, hidden] and the decoder
        [B, latent_size] -> [B, height, width, filters[0]]. With `latent_shape`, the encoder ends in
        [B, *latent_shape[:2], filters[-1]], and the decoder takes [B, *latent_shape].

    Raises:
        InputError: if the event is not an image, a size is below 1, or Keras has no such activation; if the grid of
            codes is not as high and wide as the smallest features; for other `inputs` or `conditions`.
    """
    check_activation(activation)
    event_shape = image("conv", event_shape)
    filters = sizes("The network", "filters", filters)
    hidden = size("The network", "hidden", hidden)

    conditional = Conditional(conditions, "encoder")
    x = keras.Input(event_shape, name="x")
    features = transformed(x, inputs)
    for count in filters:
        features = layers.Conv2D(count, 3, strides=2, padding="same", activation=activation)(features)
    narrowest = smallest(event_shape, filters)
    if latent_shape is None:
        features = layers.Dense(hidden, activation=activation)(conditional.join(layers.Flatten()(features)))
    else:
        features = layers.Conv2D(filters[-1], 1, activation=activation)(conditional.join(features))
    encoder = conditional.model(x, features)

    conditional = Conditional(conditions, "decoder")
    if latent_shape is None:
        z = keras.Input((size("The network", "latent_size", latent_size),), name="z")
        features = layers.Dense(math.prod(narrowest), activation=activation)(conditional.join(z))
        features = layers.Reshape(narrowest)(features)
    else:
        z = keras.Input(grid(latent_shape, narrowest), name="z")
        features = layers.Conv2D(filters[-1], 3, padding="same", activation=activation)(conditional.join(z))
    for count in reversed(filters):
        features = layers.Conv2DTranspose(count, 3, strides=2, padding="same", activation=activation)(features)
    return Networks(encoder, conditional.model(z, cropped(features, event_shape)))
