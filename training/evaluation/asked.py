"""The examples that a measure was asked for of, as the model takes them."""

import numpy as np

from vae_tf import VAE
from vae_tf.errors import InputError


def at_least(count: int, vae: VAE, x, what: str) -> np.ndarray:
    """The examples, float32 [N, *event].

    Raises:
        InputError: for fewer than `count`, or what the model does not take.
    """
    x = vae.schema.tensors(x).numpy()
    if len(x) < count:
        raise InputError(f"The {what} was asked for of {len(x)} examples: give at least {count}.")
    return x
