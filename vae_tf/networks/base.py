"""What all networks have in common."""

from typing import Literal, NamedTuple

import keras

from vae_tf.errors import InputError
from vae_tf.inputs import Log1p, Standardize

Inputs = Literal["log1p", "standardize"] | None


class Networks(NamedTuple):
    """An encoder and a decoder that belong together."""

    encoder: keras.Model
    decoder: keras.Model


def transformed(x: keras.KerasTensor, inputs: Inputs) -> keras.KerasTensor:
    """What the layers of an encoder take of x."""
    if inputs is None:
        return x
    if inputs == "log1p":
        return Log1p(name=inputs)(x)
    if inputs == "standardize":
        return Standardize(name=inputs)(x)
    raise InputError(f'The network got inputs={inputs!r}: give "log1p", "standardize" or None.')


def check_activation(name: str) -> None:
    """Refuses the name of an activation that Keras has not."""
    try:
        keras.activations.get(name)
    except ValueError as error:
        raise InputError(
            f"The network got activation={name!r}: give the name of one of Keras, such as relu."
        ) from error
