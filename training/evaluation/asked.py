"""The examples that a measure was asked for of, as the model takes them."""

import tensorflow as tf

from vae_tf import VAE
from vae_tf.data import Batch, count
from vae_tf.errors import InputError


def at_least(least: int, vae: VAE, x: Batch, what: str) -> Batch:
    """The examples as arrays: x float32 [N, *event], or a dictionary of x and of the conditions.

    Raises:
        InputError: for fewer than `least`, or what the model does not take.
    """
    x = tf.nest.map_structure(lambda values: values.numpy(), vae.schema.tensors(x))
    if count(x) < least:
        raise InputError(f"The {what} was asked for of {count(x)} examples: give at least {least}.")
    return x
