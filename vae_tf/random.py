"""Noise from seeds: every draw names its algorithm (Philox) and its seed, and there is no global state.

A seed is an int64 pair. Draws for different purposes never share numbers, because the purpose is part of the
seed; see `Purpose`.

"Bit for bit" is said of one machine and one compiler: XLA draws other numbers from a seed than TensorFlow's own graphs
do, and what is computed from them has other last bits on another processor, number of cores or version.
"""

import enum
import math

import tensorflow as tf

from vae_tf.errors import InputError

PHILOX = 1  # its number in TensorFlow's own operations
FARTHEST = 12.0  # Phi(-12), about 1e-33, is a number of float32


class Purpose(enum.IntEnum):
    """What noise is drawn for; part of the seed."""

    SAMPLE = 0
    TRAINING = 1
    EVALUATION = 2
    LOG_PROB = 3
    CODES = 4
    AGGREGATED_POSTERIOR = 5


def normal(shape, seed: tf.Tensor) -> tf.Tensor:
    """Standard normal float32 noise of `shape`, a function of the int64 pair `seed` alone."""
    return tf.random.stateless_normal(shape, seed, dtype=tf.float32, alg="philox")


@tf.function(reduce_retracing=True)  # eagerly, map_fn takes milliseconds a row
def normal_rows(shape, seeds: tf.Tensor) -> tf.Tensor:
    """Standard normal noise [B, *shape], where row i is a function of the pair `seeds[i]` alone, bit for bit."""
    draw = lambda seed: normal(shape, seed)  # noqa: E731
    return tf.map_fn(draw, tf.cast(seeds, tf.int64), fn_output_signature=tf.float32)


@tf.function(reduce_retracing=True)
def normal_draws(size: int, seeds: tf.Tensor, first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Draws `first` to `first + count - 1` of each row's standard normals, float32 [count, B, size].

    Draw k of row i is a function of (seeds[i], k) alone, bit for bit: Philox counts its numbers in fours, so each draw
    takes the next ceil(size / 4) of its row's counter.

    Args:
        size: the normals of one draw.
        seeds: int64 pairs [B, 2].
        first: int32 scalar.
        count: int32 scalar.
    """
    fours = -(-size // 4)
    skipped = tf.cast(tf.stack([fours * first, 0]), tf.uint64)

    def draws(seed: tf.Tensor) -> tf.Tensor:
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
        shape = [count, 4 * fours]
        return tf.raw_ops.StatelessRandomNormalV2(shape=shape, key=key, counter=counter + skipped, alg=PHILOX)

    rows = tf.map_fn(draws, seeds, fn_output_signature=tf.TensorSpec([None, 4 * fours], tf.float32))
    return tf.transpose(rows, [1, 0, 2])[..., :size]


def choice(probabilities: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """The number of one of M choices for each of the standard normals `noise` [B], int32 [B].

    Args:
        probabilities: of the choices, float32 [M]; their sum is 1.
        noise: m is chosen where Phi(noise) falls between the sums of the first m and the first m + 1 probabilities.
    """
    ends = tf.math.ndtri(tf.cumsum(probabilities))  # constants in a converted model, unlike Phi(noise)
    chosen = tf.reduce_sum(tf.cast(noise[:, None] >= ends, tf.int32), axis=-1)
    return tf.minimum(chosen, tf.shape(probabilities)[0] - 1)


def gumbel(noise: tf.Tensor) -> tf.Tensor:
    """The standard Gumbel value -log(-log Phi(noise)) of each standard normal, exact to float32 in both tails.

    What is beyond +-12 is taken as that, so all is finite.
    """
    tail = tf.math.erfc(tf.minimum(tf.abs(noise), FARTHEST) / math.sqrt(2)) / 2  # Phi(-|noise|), never near 1
    return -tf.math.log(-tf.where(noise > 0, tf.math.log1p(-tail), tf.math.log(tail)))


def pair(seed, purpose: Purpose, counter, stream=0) -> tf.Tensor:
    """The int64 pairs [*, 2] for the `counter`-th draw of `seed` for one purpose.

    Args:
        seed: int32 or int64 scalar.
        purpose: what the noise is for.
        counter: int64 [*], below 2^32: a step, an image.
        stream: int64 scalar, below 2^24: a replica, a block of draws.

    Raises:
        InputError: for a seed that is no whole number.
    """
    if seed is None or isinstance(seed, str | float | tuple | list):
        raise InputError(f"The seed is {seed!r}: give a whole number.")
    counter = tf.cast(counter, tf.int64)
    keyed = counter + tf.cast(stream, tf.int64) * 2**32 + int(purpose) * 2**56
    return tf.stack([tf.fill(tf.shape(counter), tf.cast(seed, tf.int64)), keyed], axis=-1)


def of_prior(seed) -> tf.Tensor:
    """The int64 pair of the draws from the prior that go with those of `seed` from the posterior."""
    return tf.cast(seed, tf.int64) + tf.constant([0, 2**62], tf.int64)  # no purpose reaches so far


def replica() -> tf.Tensor:
    """The number of this replica, 0 where nothing is distributed."""
    return tf.convert_to_tensor(tf.distribute.get_replica_context().replica_id_in_sync_group)
