"""Importance sampling: log p(x) estimated with the posterior as the proposal, in memory that does not grow."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import data, random
from vae_tf.errors import InputError
from vae_tf.latents.site import kinds
from vae_tf.sizes import size

ROWS = 5_000  # images x draws of one pass, at most


class Estimate(NamedTuple):
    """What K importance weights w = p(x|z) p(z) / q(z|x), z ~ q(z|x), say of each example.

    Attributes:
        log_prob: log 1/K sum w, the estimate of log p(x), float64 [N], nats. In expectation it is a lower bound
            that rises with K (Burda et al., 2016, theorem 1).
        log_second_moment: log 1/K sum w^2, float64 [N].
        samples: K.
    """

    log_prob: np.ndarray
    log_second_moment: np.ndarray
    samples: int

    @property
    def standard_error(self) -> np.ndarray:
        """The standard error of `log_prob` over the draws, sd(w) / (sqrt(K) mean(w)), [N]; NaN for K = 1."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.maximum(self.samples / self.effective_sample_size - 1, 0) / np.float64(self.samples - 1))

    @property
    def effective_sample_size(self) -> np.ndarray:
        """(sum w)^2 / sum w^2, [N], from 1 to K: how many draws of equal weight would say as much.

        Source: Kong (1992); Owen (2013), "Monte Carlo theory, methods and examples", section 9.3.
        """
        return self.samples * np.exp(2 * self.log_prob - self.log_second_moment)


def estimates(vae, x, samples: int, seed: int) -> Iterator[Estimate]:
    """Estimates log p(x) for consecutive slices of `x`, so that a caller can show how far it is.

    Args:
        vae: the model.
        x: examples [N, *event], or a `tf.data.Dataset` of batches.
        samples: K, the importance samples of each example.
        seed: draw k of example i is a function of (seed, i, k) alone.

    Yields:
        An `Estimate` for the next examples, in order. Its samples are those of `draws_of`.

    Raises:
        InputError: for values outside the support, fewer than 1 sample, or a model whose posterior has no density.
    """
    check(vae, samples)
    samples = draws_of(vae, samples)
    rows = data.rows_of(vae.event_shape, ROWS, vae.noise_size)
    draws = min(samples, rows)
    together = rows // draws
    start = 0
    for batch in data.slices(x, together, vae.schema):
        images = tf.range(start, start + data.count(batch), dtype=tf.int64)
        start += data.count(batch)
        seeds = random.pair(seed, random.Purpose.LOG_PROB, images)
        log_sum, log_sum_squares = -np.inf, -np.inf
        for first in range(0, samples, draws):
            count = min(samples - first, draws)
            noise = random.normal_draws(vae.noise_size, seeds, tf.constant(first), tf.constant(count))
            log_weights = tf.cast(vae.log_weights_function(batch, noise), tf.float64)
            log_sum = np.logaddexp(log_sum, tf.reduce_logsumexp(log_weights, axis=0))
            log_sum_squares = np.logaddexp(log_sum_squares, tf.reduce_logsumexp(2 * log_weights, axis=0))
        yield Estimate(log_sum - np.log(samples), log_sum_squares - np.log(samples), samples)


def draws_of(vae, samples: int) -> int:
    """How many of K draws are made: one, if a single code stands for each example, because all would be equal."""
    return samples if vae.noise_size else 1


def check(vae, samples: int) -> None:
    """Refuses fewer than 1 sample, and a model that has no log p(x).

    Raises:
        InputError: saying what would do.
    """
    size("log p(x)", "samples", samples)
    if not vae.has_density:
        raise InputError(
            f"A model with the posterior {kinds(vae.latents.sites, 'posterior')} is a plain autoencoder and has no log "
            f"p(x): train a variational one (posterior DiagonalNormal, objective ELBO)."
        )
