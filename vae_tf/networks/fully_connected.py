"""Fully connected networks."""

from collections.abc import Sequence

import keras
from keras import layers

from vae_tf.networks.base import Inputs, Networks, check_activation, transformed
from vae_tf.networks.conditional import Conditional, Conditions
from vae_tf.sizes import size, sizes


def mlp(
    event_shape: Sequence[int],
    latent_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    activation: str = "relu",
    inputs: Inputs = None,
    conditions: Conditions = None,
    latent_shape: Sequence[int] | None = None,
) -> Networks:
    """Fully connected networks for data of any shape, the decoder the mirror of the encoder.

    Args:
        event_shape: the shape of one example, such as (28, 28, 1) or (17,).
        latent_size: the number of latent dimensions.
        hidden: the encoder's layer widths, from x to z.
        activation: the name of a Keras activation.
        inputs: what the encoder does with x first: "log1p" for counts; "standardize" for other values that are not of
            order 1, such as a table's (then give the data to `encoder.get_layer("standardize").adapt`); or None.
        conditions: what the networks take besides, by name, such as {"label": networks.Label(10)}. The encoder's last
            layer and the decoder's first take it beside the features and z.
        latent_shape: in place of `latent_size`, the shape of what the decoder takes, such as (16, 64) for 16 vectors of
            a codebook; it flattens them.

    Returns:
        The encoder [B, *event] -> [B, hidden[-1]] and the decoder [B, latent_size] -> [B, hidden[0]]. With
        `latent_shape`, the decoder takes [B, *latent_shape].

    Raises:
        InputError: where a size is below 1, or Keras has no such activation; for other `inputs` or `conditions`.
    """
    check_activation(activation)
    event_shape = sizes("The network", "event_shape", event_shape)
    hidden = sizes("The network", "hidden", hidden)

    conditional = Conditional(conditions, "encoder")
    x = keras.Input(event_shape, name="x")
    features = layers.Flatten()(transformed(x, inputs))
    for width in hidden[:-1]:
        features = layers.Dense(width, activation=activation)(features)
    features = layers.Dense(hidden[-1], activation=activation)(conditional.join(features))
    encoder = conditional.model(x, features)

    conditional = Conditional(conditions, "decoder")
    if latent_shape is None:
        z = features = keras.Input((size("The network", "latent_size", latent_size),), name="z")
    else:
        z = keras.Input(sizes("The network", "latent_shape", latent_shape), name="z")
        features = layers.Flatten()(z)
    features = conditional.join(features)
    for width in reversed(hidden):
        features = layers.Dense(width, activation=activation)(features)
    return Networks(encoder, conditional.model(z, features))
