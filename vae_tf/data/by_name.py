"""Conditions that are given by name, one value for all rows or one for each."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from vae_tf.arrays import numbers
from vae_tf.data.schema import Schema
from vae_tf.errors import InputError
from vae_tf.nearest import nearest

Count: TypeAlias = "int | tf.Tensor"  # of rows; within a graph, it may be a tensor


def batch(schema: Schema, x, given: Mapping[str, Any], names: Iterable[str]):
    """x, or if conditions were given by name, a dictionary of x and of these.

    Raises:
        InputError: for a condition that the model has not, one of these names that is missing, or conditions beside a
            dictionary or a data set, which brings its own.
    """
    check(schema, given)
    if isinstance(x, Mapping | tf.data.Dataset):
        if given:
            raise InputError(f"x brings its conditions itself, and {', '.join(given)} was given too: leave it out.")
        return x
    _check_missing(names, given)
    if not given:
        return x
    x = numbers(x, "x", schema.shapes["x"])
    count = count_along(x, 0) if len(x.shape) else 1  # x alone is no example, which the model says
    return {"x": x, **{name: _repeated(schema, name, value, count) for name, value in given.items()}}


def tensors(schema: Schema, given: Mapping[str, Any], names: Iterable[str], count: Count) -> dict[str, tf.Tensor]:
    """The values of the conditions of these names, by name, of so many rows.

    Raises:
        InputError: for a condition that the model has not, one that is missing, or values that it cannot have.
    """
    check(schema, given)
    _check_missing(names, given)
    found = {}
    for name in names:
        condition = schema.conditions[name]
        value = _repeated(schema, name, given[name], count)
        found[name] = condition.as_tensor(condition.check(value, count if isinstance(count, int) else None, name))
    return found


def check(schema: Schema, given: Iterable[str]) -> None:
    """Refuses names of conditions that the model has not.

    Raises:
        InputError: naming those that it has.
    """
    unknown = [name for name in given if name not in schema.conditions]
    if unknown:
        takes = f"the conditions {', '.join(schema.conditions)}" if schema.conditions else "no conditions"
        meant = nearest(unknown[0], [*schema.conditions])
        raise InputError(f"{', '.join(unknown)} was given{meant}, but this model takes {takes}: leave it out.")


def _check_missing(names: Iterable[str], given: Mapping[str, Any]) -> None:
    missing = [name for name in dict.fromkeys(names) if name not in given]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: give "
            f"{' and '.join(f'{name}=...' for name in missing)}, one value for all rows or one for each."
        )


def count_along(values, axis: int) -> Count:
    """The number of rows along an axis."""
    count = values.shape[axis]
    return tf.shape(values)[axis] if count is None else int(count)


def _repeated(schema: Schema, name: str, value, count: Count):
    """One value for each row, if one was given for all."""
    condition = schema.conditions[name]
    try:
        value = value if tf.is_tensor(value) else np.asarray(value)
    except ValueError:  # nested lists of several lengths, which `Condition.check` refuses
        return value
    if len(value.shape) != len(condition.shape):
        return value
    condition.check(value[None], 1, name)
    return tf.broadcast_to(condition.as_tensor(value), [count, *condition.shape])
