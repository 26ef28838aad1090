"""Many examples slice by slice, so that memory does not grow with their number."""

import math
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from vae_tf.data.schema import Batch, Schema
from vae_tf.errors import InputError

ROWS = 500  # examples of one pass, at most
VALUES = 2**22  # values of x, or of noise, in these rows, at most


def rows_of(event_shape: Sequence[int], most: int = ROWS, noise_size: int = 0) -> int:
    """The examples of one pass through all of a model, whose layers hold many times their values.

    Args:
        event_shape: of an example.
        most: if they are small.
        noise_size: the standard normals of a draw from the posterior, if the pass draws.
    """
    return max(1, min(most, VALUES // max(math.prod(event_shape), noise_size)))


def count(batch: Batch) -> int:
    """The examples of a batch of arrays or tensors."""
    return len(tf.nest.flatten(batch)[0])


def take(batch: Batch, rows) -> Batch:
    """These rows of a batch of arrays, or of tensors if `rows` is a slice."""
    return tf.nest.map_structure(lambda values: values[rows], batch)


def slices(data, rows: int, schema: Schema) -> Iterator[Batch]:
    """Consecutive slices of examples that have a density, each of tensors of at most `rows` rows.

    Args:
        data: examples as `Schema.tensors` takes them, which are looked at as a whole before the first slice is given;
            or a `tf.data.Dataset` of batches, of which each is looked at when its turn comes.
        rows: the most examples of a slice.
        schema: that of the model.

    Raises:
        InputError: for what `Schema.arrays` refuses, or a data set without batches or without an end.
    """
    if isinstance(data, tf.data.Dataset):
        for number, batch in enumerate(batches(data, schema), 1):
            yield from _slices(batch, rows, schema, f"x of batch {number} of the data set")
    else:
        yield from _slices(data, rows, schema, "x")


def batches(dataset: tf.data.Dataset, schema: Schema) -> Iterator[Batch]:
    """The examples of each batch of a data set, without targets and weights; one empty batch if there is none.

    Raises:
        InputError: for a data set whose elements are no batches of examples, or that has no end.
    """
    schema.check_elements(dataset.element_spec, "The data set")
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("The data set has no end: leave .repeat() out, or take a part, as in dataset.take(10).")
    is_empty = True
    for element in dataset:
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(element)
        yield batch
        is_empty = False
    if is_empty:
        yield schema.join(
            tf.zeros([0, *schema.event_shape]),
            {name: tf.zeros([0, *each.shape], each.dtype) for name, each in schema.conditions.items()},
        )


def _slices(batch: Batch, rows: int, schema: Schema, name: str) -> Iterator[Batch]:
    batch = schema.arrays(batch, name, is_density_needed=True)
    x, _ = schema.split(batch)
    for first in range(0, len(x), rows):  # cast slice by slice, so that there is no copy of a large array
        yield schema.cast(take(batch, slice(first, first + rows)))
