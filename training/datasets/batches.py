"""Arrays as batches: held once, and scaled and binarised in the graph at the last moment."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from vae_tf.data import Batch
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood
from vae_tf.training.datasets import binarization as binary
from vae_tf.training.datasets.binarization import Binarization

BLOCK = 2**20  # values that are scaled and binarised together: many small steps cost more than a large one
ROWS_TOGETHER = 500  # examples that become one array part by part
AHEAD = 2**21  # values that wait for the model


def steps_per_epoch(count: int, batch_size: int) -> int:
    """The batches of an epoch, the smaller last one among them.

    Raises:
        InputError: for a batch size below 1.
    """
    _check_batch_size(batch_size)
    return -(-count // batch_size)


def training_batches(
    examples: Batch,
    batch_size: int,
    *,
    seed: int,
    binarization: Binarization,
    shuffle: bool = True,
    epoch: int = 0,
    step: int = 0,
) -> tf.data.Dataset:
    """An endless stream of float32 batches.

    A batch is a function of (seed, epoch, step) alone, so a stream that begins later equals the rest of one that
    began before.

    Args:
        examples: x [N, *event], of which uint8 becomes [0, 1]; or a dictionary of "x" and of conditions [N, ...].
        batch_size: examples of a batch; the last of an epoch may be smaller.
        seed: of the order and of the binarisation.
        binarization: "none", "static" (drawn once) or "dynamic" (drawn for each batch).
        shuffle: whether each epoch has an order of its own, or all have that of `examples`.
        epoch: where to begin.
        step: where to begin within the epoch.

    Raises:
        InputError: for a batch size below 1, an unknown binarisation, or values that cannot be binarised.
    """
    _check_batch_size(batch_size)
    binary.check_kind(binarization)
    if binarization == "static":
        examples = with_x(examples, lambda x: binary.drawn_once(x, seed))
    elif binarization == "dynamic":
        binary.check(x_of(examples))
    count, *event_shape = x_of(examples).shape
    with tf.device("cpu"):  # what follows must not name the arrays: the data set would keep them, beside the tensors
        examples = tf.nest.map_structure(tf.constant, examples)
    values_of_batch = batch_size * math.prod(event_shape)
    block = batch_size * max(1, BLOCK // values_of_batch)  # examples
    blocks = -(-count // block)  # of an epoch

    def rows(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(count)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=tf.stack([seed, epoch]))
        return tf.data.Dataset.range(blocks).map(lambda number: order[number * block : (number + 1) * block])

    def values(number: tf.Tensor, rows: tf.Tensor) -> Batch:
        def drawn(x: tf.Tensor) -> tf.Tensor:
            x = scaled(x)
            if binarization == "dynamic":
                noise = tf.random.stateless_uniform(tf.shape(x), seed=tf.stack([~seed, number]), alg="philox")
                x = tf.cast(noise < x, tf.float32)
            return x

        return with_x(tf.nest.map_structure(lambda values: tf.gather(values, rows), examples), drawn)

    epochs = tf.data.Dataset.range(epoch, tf.int64.max // blocks)
    numbered = epochs.flat_map(rows).enumerate(start=epoch * blocks)
    drawn = numbered.map(values, num_parallel_calls=tf.data.AUTOTUNE)
    batches = drawn.flat_map(lambda block: tf.data.Dataset.from_tensor_slices(block).batch(batch_size))
    return batches.skip(step).prefetch(max(1, AHEAD // values_of_batch))


def evaluation_batches(examples: Batch, batch_size: int, *, seed: int, binarization: Binarization) -> tf.data.Dataset:
    """One ordered pass of float32 batches, the same at each pass.

    Args:
        examples: x [N, *event], of which uint8 becomes [0, 1]; or a dictionary of "x" and of conditions [N, ...].
        batch_size: examples of a batch; the last may be smaller.
        seed: of the binarisation.
        binarization: where it is not "none", the images are drawn once.

    Raises:
        InputError: for a batch size below 1, an unknown binarisation, or values that cannot be binarised.
    """
    _check_batch_size(batch_size)
    binary.check_kind(binarization)
    if binarization != "none":
        examples = with_x(examples, lambda x: binary.drawn_once(x, seed))
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(batch_size)
    return batches.map(lambda batch: with_x(batch, scaled)).prefetch(tf.data.AUTOTUNE)


def as_evaluated(examples: Batch, *, seed: int, binarization: Binarization) -> Batch:
    """Examples as a model is evaluated on them: those of `evaluation_batches` as arrays, x as float32 [N, *event]."""
    batches = evaluation_batches(examples, ROWS_TOGETHER, seed=seed, binarization=binarization)
    return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *batches.as_numpy_iterator())


def x_of(examples: Batch):
    """x, without the conditions beside it."""
    return examples["x"] if isinstance(examples, dict) else examples


def with_x(examples: Batch, change: Callable) -> Batch:
    """The examples with `change` applied to x; the conditions stay as they are."""
    return {**examples, "x": change(examples["x"])} if isinstance(examples, dict) else change(examples)


def stored(x: np.ndarray, likelihood: Likelihood) -> np.ndarray:
    """Examples as a run keeps them [N, *event]: the one rule of what uint8 values mean.

    They are pixels, which stay uint8 until `scaled` brings them to [0, 1]; but for a likelihood of whole numbers they
    are counts or categories, and become float32 as they are. Others are not scaled.
    """
    return x.astype(np.float32) if likelihood.takes_whole_numbers and x.dtype == np.uint8 else x


def check(x: np.ndarray, likelihood: Likelihood, name: str) -> None:
    """Refuses stored examples that a likelihood gives no density once they are `scaled`.

    Raises:
        InputError: as `Likelihood.check`.
    """
    # uint8 becomes [0, 1], so one example tells; other values are looked at one and all
    likelihood.check(x if x.dtype != np.uint8 else x[:1] / np.float32(255), name)


def scaled(values: tf.Tensor) -> tf.Tensor:
    """The values as float32, uint8 in [0, 1]."""
    as_they_are = tf.cast(values, tf.float32)
    return as_they_are / 255 if values.dtype == tf.uint8 else as_they_are


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}: give at least 1.")
