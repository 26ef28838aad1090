"""The shapes of convolutional networks, which take images of any size."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from vae_tf.errors import InputError
from vae_tf.sizes import sizes


def image(network: str, event_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of images; others are refused for the network of that name."""
    event_shape = sizes("The network", "event_shape", event_shape)
    if len(event_shape) != 3:
        channel = ", which grey images have as x[..., None]" if len(event_shape) == 2 else ""
        raise InputError(
            f"{network} got event_shape={event_shape}: give (height, width, channels){channel}, or use mlp for other "
            f"shapes."
        )
    return event_shape


def smallest(event_shape: tuple[int, ...], filters: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape between encoder and decoder, each stage of which halves or doubles height and width."""
    factor = 2 ** len(filters)
    return math.ceil(event_shape[0] / factor), math.ceil(event_shape[1] / factor), filters[-1]


def grid(latent_shape: Sequence[int], narrowest: tuple[int, int, int]) -> tuple[int, ...]:
    """The shape of a grid of codes, as high and wide as the smallest features; others are refused."""
    latent_shape = sizes("The network", "latent_shape", latent_shape)
    if len(latent_shape) != 3 or latent_shape[:2] != narrowest[:2]:
        raise InputError(
            f"The codes are a grid {latent_shape}, and the smallest features of the network are {narrowest[0]} x "
            f"{narrowest[1]}: give a grid ({narrowest[0]}, {narrowest[1]}, channels), or another number of filters, "
            f"each of which halves height and width."
        )
    return latent_shape


def cropped(features: keras.KerasTensor, event_shape: tuple[int, ...]) -> keras.KerasTensor:
    """Features as high and wide as the event, where doubling has made more."""
    excess = [(0, size - wanted) for size, wanted in zip(features.shape[1:3], event_shape[:2], strict=True)]
    return layers.Cropping2D(excess)(features) if any(sum(excess, ())) else features
