"""Arrays as batches: held once, and scaled and binarised in the graph at the last moment."""

import math

import numpy as np
import tensorflow as tf

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
    x: np.ndarray,
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
        x: examples [N, *event]; uint8 becomes [0, 1].
        batch_size: examples of a batch; the last of an epoch may be smaller.
        seed: of the order and of the binarisation.
        binarization: "none", "static" (drawn once) or "dynamic" (drawn for each batch).
        shuffle: whether each epoch has an order of its own, or all have that of `x`.
        epoch: where to begin.
        step: where to begin within the epoch.

    Raises:
        InputError: for a batch size below 1, an unknown binarisation, or values that cannot be binarised.
    """
    _check_batch_size(batch_size)
    binary.check_kind(binarization)
    if binarization == "static":
        x = binary.drawn_once(x, seed)
    elif binarization == "dynamic":
        binary.check(x)
    with tf.device("cpu"):
        examples = tf.constant(x)
    count = len(x)  # what follows must not name the array: the data set would keep it, beside the tensor
    values_of_batch = batch_size * math.prod(x.shape[1:])
    block = batch_size * max(1, BLOCK // values_of_batch)  # examples
    blocks = -(-count // block)  # of an epoch

    def rows(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(count)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=tf.stack([seed, epoch]))
        return tf.data.Dataset.range(blocks).map(lambda number: order[number * block : (number + 1) * block])

    def values(number: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        values = scaled(tf.gather(examples, rows))
        if binarization == "dynamic":
            noise = tf.random.stateless_uniform(tf.shape(values), seed=tf.stack([~seed, number]), alg="philox")
            values = tf.cast(noise < values, tf.float32)
        return values

    epochs = tf.data.Dataset.range(epoch, tf.int64.max // blocks)
    numbered = epochs.flat_map(rows).enumerate(start=epoch * blocks)
    drawn = numbered.map(values, num_parallel_calls=tf.data.AUTOTUNE)
    batches = drawn.flat_map(lambda block: tf.data.Dataset.from_tensor_slices(block).batch(batch_size))
    return batches.skip(step).prefetch(max(1, AHEAD // values_of_batch))


def evaluation_batches(x: np.ndarray, batch_size: int, *, seed: int, binarization: Binarization) -> tf.data.Dataset:
    """One ordered pass of float32 batches, the same at each pass.

    Args:
        x: examples [N, *event]; uint8 becomes [0, 1].
        batch_size: examples of a batch; the last may be smaller.
        seed: of the binarisation.
        binarization: where it is not "none", the images are drawn once.

    Raises:
        InputError: for a batch size below 1, an unknown binarisation, or values that cannot be binarised.
    """
    _check_batch_size(batch_size)
    binary.check_kind(binarization)
    if binarization != "none":
        x = binary.drawn_once(x, seed)
    return tf.data.Dataset.from_tensor_slices(x).batch(batch_size).map(scaled).prefetch(tf.data.AUTOTUNE)


def as_evaluated(x: np.ndarray, *, seed: int, binarization: Binarization) -> np.ndarray:
    """Examples as a model is evaluated on them: those of `evaluation_batches` in one array, float32 [N, *event]."""
    batches = evaluation_batches(x, ROWS_TOGETHER, seed=seed, binarization=binarization)
    return np.concatenate(list(batches.as_numpy_iterator()))


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
