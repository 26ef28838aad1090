"""Which codes a picture of samples shows, and under which conditions."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import VAE, random
from vae_tf.data import by_name
from vae_tf.errors import InputError
from vae_tf.sizes import size

SAMPLES = 64
ROWS, COLUMNS = 16, 10  # of labels, and of the samples of each


class RowLabel(NamedTuple):
    """A label that rows go through: the condition's name, and how many values it has."""

    name: str
    values: int


class Arrangement(NamedTuple):
    """The images of a picture of samples, row by row.

    Attributes:
        seeds: of the codes, int64 [N, 2].
        conditions: by name, one value for all or one for each, [N, ...].
        columns: of the picture.
        names: of the rows, if each has one label.
        below: what stands below the picture.
    """

    seeds: tf.Tensor
    conditions: dict[str, Any]
    columns: int
    names: tuple[str, ...] = ()
    below: str = ""


def arranged(
    vae: VAE, count: int | None, seed: int, class_names: Sequence[str] | None, given: Mapping[str, Any]
) -> Arrangement:
    """The arrangement that `grids.samples` describes, which takes the same.

    Raises:
        InputError: for conditions that the model has not, names that are not those of its label, or count < 1.
    """
    by_name.check(vae.schema, given)
    count = None if count is None else size("A picture of samples", "count", count)
    label = label_of_rows(vae, given)
    if label is None:
        numbers = np.arange(count or SAMPLES)  # of the codes
        return Arrangement(_seeds(seed, numbers), _in_turn(vae, given, numbers), math.isqrt(len(numbers)))
    rows = min(label.values, ROWS, count or ROWS)
    columns = count // rows if count else COLUMNS
    numbers = np.tile(np.arange(columns), rows)
    conditions = {**_in_turn(vae, given, numbers), label.name: np.repeat(np.arange(rows), columns)}
    names = map(str, range(label.values)) if class_names is None else checked_names(label, class_names)
    below = f"the first {rows} of {label.values:,} labels" if rows < label.values else ""
    return Arrangement(_seeds(seed, numbers), conditions, columns, tuple(itertools.islice(names, rows)), below)


def label_of_rows(vae: VAE, given: Mapping[str, Any]) -> RowLabel | None:
    """The label that the rows go through: the first that samples depend on and whose values are not given."""
    names = (*vae.prior_conditions, *vae.decoder_conditions)
    for name, condition in vae.conditions.items():
        if name in names and name not in given and condition.is_label and condition.count is not None:
            return RowLabel(name, condition.count)
    return None


def checked_names(label: RowLabel, class_names: Sequence[str]) -> Sequence[str]:
    """The names of a label's values, one for each.

    Raises:
        InputError: for another number of names.
    """
    if len(class_names) != label.values:
        raise InputError(
            f"{len(class_names)} class_names were given, and {label.name!r} has {label.values:,} values: give a name "
            f"for each."
        )
    return class_names


def _seeds(seed: int, numbers: np.ndarray) -> tf.Tensor:
    return random.pair(seed, random.Purpose.SAMPLE, tf.constant(numbers, tf.int32))


def _in_turn(vae: VAE, given: Mapping[str, Any], numbers: np.ndarray) -> dict[str, Any]:
    """The conditions with one value for all as they are, and of several one for each number [N], in turn."""
    found = {}
    for name, value in given.items():
        try:
            values = np.asarray(value)
        except ValueError:  # nested lists of several lengths, which the model refuses
            values = value
        several = np.ndim(values) == len(vae.conditions[name].shape) + 1 and len(values)
        found[name] = values[numbers % len(values)] if several else values
    return found
