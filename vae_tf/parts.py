"""Examples part by part, so that memory does not grow with their number."""

import math
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from vae_tf import examples
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood

ROWS = 500  # examples of one pass, at most
VALUES = 2**22  # values of x in these rows, at most


def rows_of(event_shape: Sequence[int], most: int = ROWS) -> int:
    """The examples of one pass through all of a model, whose layers hold many times their values."""
    return max(1, min(most, VALUES // math.prod(event_shape)))


def parts(x, rows: int, likelihood: Likelihood) -> Iterator[tf.Tensor]:
    """Consecutive parts of examples that a likelihood takes, each float32 [at most `rows`, *event].

    Args:
        x: numbers [N, *event], as `examples.as_float32` takes them, which are looked at as a whole before the first
            part is given; or a `tf.data.Dataset` of batches, of which each is looked at when its turn comes.
        rows: the most examples of a part.
        likelihood: that of the model.

    Raises:
        InputError: for values outside the likelihood's support, or a data set without batches or without an end.
    """
    if isinstance(x, tf.data.Dataset):
        for number, batch in enumerate(batches(x, likelihood.event_shape), 1):
            yield from _slices(batch, rows, likelihood, f"x of batch {number} of the data set")
    else:
        yield from _slices(x, rows, likelihood, "x")


def batches(dataset: tf.data.Dataset, event_shape: Sequence[int]) -> Iterator[tf.Tensor]:
    """The examples of each batch of a data set, [B, *event]; one empty batch if there is none.

    Raises:
        InputError: for a data set whose elements are no batches of examples, or that has no end.
    """
    examples.check_elements(dataset.element_spec, event_shape, "The data set")
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("The data set has no end: leave .repeat() out, or take a part, as in dataset.take(10).")
    is_empty = True
    for element in dataset:
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(element)
        yield batch
        is_empty = False
    if is_empty:
        yield tf.zeros([0, *event_shape])


def _slices(x, rows: int, likelihood: Likelihood, name: str) -> Iterator[tf.Tensor]:
    x = examples.check(x, likelihood, name)
    likelihood.check(x, name)
    for first in range(0, len(x), rows):  # cast part by part, so that there is no copy of a large array
        yield tf.cast(tf.convert_to_tensor(x[first : first + rows]), tf.float32)
