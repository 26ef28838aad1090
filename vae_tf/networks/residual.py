"""Residual convolutional networks."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from vae_tf.networks.base import Inputs, Networks, check_activation, transformed
from vae_tf.networks.conditional import Conditional, Conditions
from vae_tf.networks.images import cropped, image, smallest
from vae_tf.sizes import size, sizes


def resnet(
    event_shape: Sequence[int],
    latent_size: int = 16,
    filters: Sequence[int] = (32, 64),
    blocks: int = 1,
    hidden: int = 128,
    activation: str = "relu",
    inputs: Inputs = None,
    conditions: Conditions = None,
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
    event_shape = image("resnet", event_shape)
    filters = sizes("The network", "filters", filters)
    blocks, hidden = size("The network", "blocks", blocks), size("The network", "hidden", hidden)

    conditional = Conditional(conditions, "encoder")
    x = keras.Input(event_shape, name="x")
    features = transformed(x, inputs)
    for count in filters:
        features = layers.Conv2D(count, 3, strides=2, padding="same")(features)
        for _ in range(blocks):
            features = residual_block(features, activation)
    features = layers.Flatten()(layers.Activation(activation)(features))
    features = layers.Dense(hidden, activation=activation)(conditional.join(features))
    encoder = conditional.model(x, features)

    narrowest = smallest(event_shape, filters)
    conditional = Conditional(conditions, "decoder")
    z = keras.Input((size("The network", "latent_size", latent_size),), name="z")
    features = layers.Dense(hidden, activation=activation)(conditional.join(z))
    features = layers.Reshape(narrowest)(layers.Dense(math.prod(narrowest))(features))
    for count in reversed(filters):
        for _ in range(blocks):
            features = residual_block(features, activation)
        features = layers.Conv2DTranspose(count, 3, strides=2, padding="same")(features)
    features = cropped(layers.Activation(activation)(features), event_shape)
    return Networks(encoder, conditional.model(z, features))


def residual_block(features: keras.KerasTensor, activation: str) -> keras.KerasTensor:
    """Features [B, height, width, C] and what two convolutions make of them."""
    count = features.shape[-1]
    residual = features
    for _ in range(2):
        residual = layers.Conv2D(count, 3, padding="same")(layers.Activation(activation)(residual))
    return layers.Add()([features, residual])
