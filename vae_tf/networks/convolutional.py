"""Convolutional networks."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from vae_tf.networks.base import Inputs, Networks, check_activation, transformed
from vae_tf.networks.conditional import Conditional, Conditions
from vae_tf.networks.images import cropped, image, smallest
from vae_tf.sizes import size, sizes


def conv(
    event_shape: Sequence[int],
    latent_size: int = 16,
    filters: Sequence[int] = (32, 64),
    hidden: int = 128,
    activation: str = "relu",
    inputs: Inputs = None,
    conditions: Conditions = None,
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

    Returns:
        The encoder [B, height, width, channels] -> [B, hidden] and the decoder
        [B, latent_size] -> [B, height, width, filters[0]].

    Raises:
        InputError: where the event is not an image, a size is below 1, or Keras has no such activation; for other
            `inputs` or `conditions`.
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
    features = layers.Dense(hidden, activation=activation)(conditional.join(layers.Flatten()(features)))
    encoder = conditional.model(x, features)

    narrowest = smallest(event_shape, filters)
    conditional = Conditional(conditions, "decoder")
    z = keras.Input((size("The network", "latent_size", latent_size),), name="z")
    features = layers.Dense(math.prod(narrowest), activation=activation)(conditional.join(z))
    features = layers.Reshape(narrowest)(features)
    for count in reversed(filters):
        features = layers.Conv2DTranspose(count, 3, strides=2, padding="same", activation=activation)(features)
    return Networks(encoder, conditional.model(z, cropped(features, event_shape)))
