"""What is an array of numbers, whatever brings it: examples, conditions, codes and noise."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_tf.errors import InputError


def numbers(values, name: str, wanted: Sequence) -> np.ndarray | tf.Tensor:
    """Refuses what is no array of numbers; `wanted` is the shape that the message names."""
    given = f"of dtype {values.dtype}" if hasattr(values, "dtype") else f"a {type(values).__name__}"
    try:
        values = values if isinstance(values, np.ndarray) else tf.convert_to_tensor(values)
        dtype = tf.as_dtype(values.dtype)
    except (TypeError, ValueError):
        dtype = tf.string
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
        raise InputError(f"{name} is {given}; this model takes an array of numbers of shape {wanted}: convert it.")
    return values
