"""The conditions of a model in a version: values to ask with, and what the card says of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_tf.conditions import Condition
from vae_tf.errors import InputError

Names = Mapping[str, Sequence[str]]


def values(condition: Condition, rows: int) -> np.ndarray:
    """Values to ask with, [rows, *shape]: whole numbers spread over the range, or standard normals; always the same."""
    shape = (rows, *condition.shape)
    if condition.dtype == "int32":
        return np.linspace(0, (condition.count or 1) - 1, math.prod(shape)).round().astype(np.int32).reshape(shape)
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def described(conditions: Mapping[str, Condition], names: Names) -> dict[str, dict[str, Any]]:
    """Each condition's dtype, the shape of one example's value, and the count and the names of its labels."""
    return {
        name: {
            "dtype": condition.dtype,
            "shape": list(condition.shape),
            "count": condition.count,
            **({"names": list(names[name])} if name in names else {}),
        }
        for name, condition in conditions.items()
    }


def check_names(conditions: Mapping[str, Condition], names: Names) -> None:
    """Refuses names that are not those of a condition's whole numbers.

    Raises:
        InputError: for a name that is no text, other counts, and conditions that the model does not take or that are no
            whole numbers.
    """
    for key, given in names.items():
        condition = conditions.get(key)
        if condition is None or condition.dtype != "int32":
            counted = [name for name, condition in conditions.items() if condition.dtype == "int32"]
            takes = f"those of {', '.join(counted)}" if counted else "none, as it has no condition of whole numbers"
            raise InputError(f"There are names for {key!r}, but this model's can be {takes}.")
        if isinstance(given, str) or not all(isinstance(name, str) for name in given):
            raise InputError(f"The names for {key!r} are {given!r}: give a list of texts.")
        if condition.count not in (None, len(given)):
            raise InputError(
                f"There are {len(given)} names for {key!r}, and its labels are 0 to {condition.count - 1}: give a name "
                f"for each."
            )
