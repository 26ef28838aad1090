"""What `fit`, `evaluate` and `predict` are given, and cannot be used as it is: one sentence, not a trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.errors import InputError


def brings_batches(value) -> bool:
    """Whether data are no arrays, but a PyDataset, a generator or another that brings batches one after the other."""
    is_array = tf.is_tensor(value) or hasattr(value, "__array__") or hasattr(value, "toarray")
    return not is_array and not isinstance(value, Mapping | tuple | list)


def check_kind(value, name: str, shape: Sequence) -> None:
    """Refuses what is no dense array, of which Keras would say so in a trace.

    Args:
        value: what was given for the array.
        name: what the message calls it.
        shape: what it should have.

    Raises:
        InputError: saying what to give.
    """
    wanted = f"this model takes an array of shape {tuple(shape)}"
    if isinstance(value, tuple | list):
        raise InputError(f"{name} is a {type(value).__name__} of {len(value)}; {wanted}: give the array itself.")
    if value is None or isinstance(value, str):
        raise InputError(f"{name} is {value!r}; {wanted}.")
    if isinstance(value, tf.SparseTensor | tf.RaggedTensor) or hasattr(value, "toarray"):
        raise InputError(f"{name} is a {type(value).__name__}; {wanted}, with every value: make it dense.")


def arrays_for_keras(data) -> Any:
    """Data as they are, but in a dictionary a column of a table as an array [N]: Keras takes it for [N, 1]."""
    if not isinstance(data, Mapping):
        return data
    return {name: value if tf.is_tensor(value) else np.asarray(value) for name, value in data.items()}


def check_element(spec, name: str, shape: Sequence[int], what: str, wanted: str) -> None:
    """Refuses one part of a data set's elements that is no batch of arrays of a shape.

    Args:
        spec: what the data set says of it.
        name: what the message calls the data set.
        shape: of one example.
        what: what the message calls the part.
        wanted: what the model takes, in words.

    Raises:
        InputError: saying how to make batches of it.
    """
    one, few = (what, what) if what != "values" else ("elements", "values")
    if not isinstance(spec, tf.TensorSpec):
        raise InputError(
            f"{name} gives {one} of the kind {type(spec).__name__}; {wanted}, with every value: choose the examples, "
            f"and make them dense."
        )
    if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
        raise InputError(f"{name} gives {few} of dtype {spec.dtype.name}; {wanted}, of numbers: convert them.")
    if spec.shape.is_compatible_with((None, *shape)):
        return
    if spec.shape.is_compatible_with(tuple(shape)):
        one = "one example" if what == "values" else f"one {what}"
        raise InputError(
            f"{name} gives {one} at a time, of shape {tuple(spec.shape)}; {wanted}: batch it, data.batch(128)."
        )
    raise InputError(
        f"{name} gives {one} of shape {tuple(spec.shape)}; {wanted}: reshape the data or build the model for its shape."
    )
