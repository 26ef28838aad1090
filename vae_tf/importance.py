"""Importance sampling: log p(x) estimated with the posterior as the proposal, in memory that does not grow."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import random
from vae_tf.errors import InputError

DRAWS = 50  # of a block; the noise of a block depends on the seed, the image and the block alone
ROWS = 2_000  # images x draws in one pass


class Estimate(NamedTuple):
    """What K importance weights w = p(x|z) p(z) / q(z|x), z ~ q(z|x), say of each example.

    Attributes:
        log_prob: log 1/K sum w, the estimate of log p(x), float32 [N], nats. In expectation it is a lower bound
            that rises with K (Burda et al., 2016, theorem 1).
        log_second_moment: log 1/K sum w^2, float32 [N].
        samples: K.
    """

    log_prob: np.ndarray
    log_second_moment: np.ndarray
    samples: int

    @property
    def standard_error(self) -> np.ndarray:
        """The standard error of `log_prob` over the draws, sd(w) / (sqrt(K) mean(w)), [N]; NaN for K = 1."""
        ratio = np.exp(self.log_second_moment - 2 * self.log_prob)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.maximum(ratio - 1, 0) / np.float32(self.samples - 1))


def estimates(vae, x, samples: int, seed: int) -> Iterator[Estimate]:
    """Estimates log p(x) for consecutive parts of `x`, so that a caller can show how far it is.

    Args:
        vae: the model.
        x: an array [N, *event].
        samples: K, the importance samples of each example.
        seed: the noise of example i is a function of (seed, i) alone.

    Yields:
        An `Estimate` for the next examples, in order.

    Raises:
        InputError: for fewer than 1 sample, or a model whose posterior has no density.
    """
    if samples < 1:
        raise InputError(f"log p(x) was asked for with samples={samples}: give at least 1 importance sample.")
    if not vae.posterior.has_density:
        raise InputError(
            f"A model with the posterior {type(vae.posterior).__name__} is a plain autoencoder and has no log p(x): "
            f"train a variational one (posterior DiagonalNormal, objective ELBO)."
        )
    draws = min(samples, DRAWS)
    step = max(ROWS // draws, 1)
    for first in range(0, len(x), step):
        part = tf.convert_to_tensor(x[first : first + step], tf.float32)
        images = tf.range(first, first + len(part), dtype=tf.int64)
        log_sum, log_sum_squares = -np.inf, -np.inf
        for block in range(-(-samples // DRAWS)):
            left = tf.constant(min(samples - block * DRAWS, DRAWS))
            log_weights = vae.log_weights_function(part, images, tf.constant(seed, tf.int64), tf.constant(block), left)
            log_sum = np.logaddexp(log_sum, tf.reduce_logsumexp(log_weights, axis=0))
            log_sum_squares = np.logaddexp(log_sum_squares, tf.reduce_logsumexp(2 * log_weights, axis=0))
        yield Estimate(log_sum - np.log(np.float32(samples)), log_sum_squares - np.log(np.float32(samples)), samples)


def block_noise(noise_size: int, images: tf.Tensor, seed: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
    """The standard normals of one block of draws, float32 [DRAWS, B, noise_size].

    Args:
        noise_size: the normals of one draw.
        images: the number of each example, int64 [B].
        seed: int64 scalar.
        block: int32 scalar.
    """
    seeds = random.pair(seed, random.Purpose.LOG_PROB, images, stream=block)
    return tf.transpose(random.normal_rows([DRAWS, noise_size], seeds), [1, 0, 2])
