"""Noise from seeds: every draw names its algorithm (Philox) and its seed, and there is no global state.

A seed is an int64 pair. Draws for different purposes never share numbers, because the purpose is part of the
seed; see `Purpose`.
"""

import enum

import tensorflow as tf


class Purpose(enum.IntEnum):
    """What noise is drawn for; part of the seed."""

    SAMPLE = 0
    TRAINING = 1
    EVALUATION = 2
    LOG_PROB = 3
    CODES = 4


def normal(shape, seed: tf.Tensor) -> tf.Tensor:
    """Standard normal float32 noise of `shape`, a function of the int64 pair `seed` alone."""
    return tf.random.stateless_normal(shape, seed, dtype=tf.float32, alg="philox")


@tf.function(reduce_retracing=True)  # eagerly, map_fn takes milliseconds a row
def normal_rows(shape, seeds: tf.Tensor) -> tf.Tensor:
    """Standard normal noise [B, *shape], where row i is a function of the pair `seeds[i]` alone, bit for bit."""
    draw = lambda seed: normal(shape, seed)  # noqa: E731
    return tf.map_fn(draw, tf.cast(seeds, tf.int64), fn_output_signature=tf.float32)


def choice(probabilities: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """The number of one of M choices for each of the standard normals `noise` [B], int32 [B].

    Args:
        probabilities: of the choices, float32 [M]; their sum is 1.
        noise: m is chosen where Phi(noise) falls between the sums of the first m and the first m + 1 probabilities.
    """
    share = tf.math.erfc(-noise / 2**0.5) / 2  # Phi(noise)
    chosen = tf.searchsorted(tf.cumsum(probabilities), share, side="right")
    return tf.minimum(chosen, tf.shape(probabilities)[0] - 1)


def pair(seed, purpose: Purpose, counter, stream=0) -> tf.Tensor:
    """The int64 pairs [*, 2] for the `counter`-th draw of `seed` for one purpose.

    Args:
        seed: int32 or int64 scalar.
        purpose: what the noise is for.
        counter: int64 [*], below 2^32: a step, an image.
        stream: int64 scalar, below 2^24: a replica, a block of draws.
    """
    counter = tf.cast(counter, tf.int64)
    keyed = counter + tf.cast(stream, tf.int64) * 2**32 + int(purpose) * 2**56
    return tf.stack([tf.fill(tf.shape(counter), tf.cast(seed, tf.int64)), keyed], axis=-1)


def replica() -> tf.Tensor:
    """The number of this replica, 0 where nothing is distributed."""
    return tf.convert_to_tensor(tf.distribute.get_replica_context().replica_id_in_sync_group)
