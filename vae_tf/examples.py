"""What a model takes for examples, whatever their dtype: the one rule."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood


def as_float32(x, likelihood: Likelihood, name: str = "x") -> tf.Tensor:
    """Examples as a model computes with them, float32 [N, *event].

    Floats of any width, integers and booleans become float32, and no value is scaled: what `fit` learns from is what
    every other function gets. So integers outside the likelihood's support are refused, such as the pixels 0 to 255
    of uint8 images for a likelihood of values in [0, 1]: give `x / 255`.

    Args:
        x: numbers [N, *event]: an array, a tensor or nested lists.
        likelihood: that of the model.
        name: what the message calls x.

    Raises:
        InputError: for what is no array of numbers, for another shape, or for integers outside the support; within a
            graph, values are not known and not looked at.
    """
    x = tf.cast(check(x, likelihood, name), tf.float32)
    return tf.ensure_shape(x, (None, *likelihood.event_shape))  # sizes may be known only when the data comes


def check(x, likelihood: Likelihood, name: str = "x") -> np.ndarray | tf.Tensor:
    """Refuses what `as_float32` refuses, without a copy of an array; what it gives has a dtype and a shape."""
    wanted = ("N", *likelihood.event_shape)
    x = numbers(x, name, wanted)
    if not tf.TensorShape(x.shape).is_compatible_with((None, *likelihood.event_shape)):
        raise InputError(
            f"{name} has shape {tuple(x.shape)}; this model takes {wanted}: reshape the data or build the model for "
            f"its shape."
        )
    if tf.as_dtype(x.dtype).is_integer and not tf.is_symbolic_tensor(x):
        likelihood.check(x, name)
    return x


def check_elements(spec, event_shape: Sequence[int], name: str) -> None:
    """Refuses a data set that gives no batches of examples, as far as its `element_spec` says: nothing is read.

    Args:
        spec: the `element_spec`, of x or of a tuple that begins with x.
        event_shape: of an example.
        name: what the message calls the data set.

    Raises:
        InputError: saying how to make batches of it.
    """
    wanted = f"this model takes batches of shape {('B', *event_shape)}"
    x = spec[0] if isinstance(spec, tuple | list) and spec else spec
    if isinstance(x, Mapping):
        names = ", ".join(repr(key) for key in x)
        raise InputError(
            f"{name} gives dictionaries of {names}; {wanted}: give one of their values, such as "
            f"data.map(lambda element: element[{next(iter(x), 'image')!r}])."
        )
    if not isinstance(x, tf.TensorSpec):
        raise InputError(
            f"{name} gives elements of the kind {type(x).__name__}; {wanted}, with every value: choose the examples, "
            f"and make them dense."
        )
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise InputError(f"{name} gives values of dtype {x.dtype.name}; {wanted}, of numbers: convert them.")
    if x.shape.is_compatible_with((None, *event_shape)):
        return
    if x.shape.is_compatible_with(event_shape):
        raise InputError(
            f"{name} gives one example at a time, of shape {tuple(x.shape)}; {wanted}: batch it, data.batch(128)."
        )
    raise InputError(
        f"{name} gives elements of shape {tuple(x.shape)}; {wanted}: reshape the data or build the model for its shape."
    )


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
