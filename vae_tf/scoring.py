"""The score of each example: the bound on its log-likelihood, and the bound's two terms."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import bad_rows, conditions, divergence, random
from vae_tf.data import count, rows_of, slices
from vae_tf.errors import InputError
from vae_tf.latents.site import kinds


class Score(NamedTuple):
    """What one draw z ~ q(z|x) says of each example; the fields are those of a served `score`.

    Attributes:
        elbo: -(distortion + rate), float32 [N], nats; in expectation a lower bound on log p(x).
        rate: KL[ q(z|x) || p(z) ], float32 [N], nats.
        distortion: -log p(x|z), float32 [N], nats.
    """

    elbo: tf.Tensor
    rate: tf.Tensor
    distortion: tf.Tensor


def scores(vae, x, seed: int) -> Iterator[Score]:
    """Scores consecutive slices of `x`, so that a caller can show how far it is.

    Args:
        vae: the model.
        x: an array [N, *event], or a `tf.data.Dataset` of batches.
        seed: the draw of example i is a function of (seed, i) alone.

    Yields:
        The `Score` of the next examples, in order.

    Raises:
        InputError: for values outside the support, a seed beyond int32, or a plain autoencoder.
    """
    check(vae)
    if not -(2**31) <= seed < 2**31:
        raise InputError(f"seed is {seed}: give a number from {-(2**31)} to {2**31 - 1}, as a served score takes.")
    first = 0
    for batch in slices(x, rows_of(vae.event_shape, noise_size=vae.noise_size), vae.schema):
        images = tf.range(first, first + count(batch), dtype=tf.int64)
        # (seed, i), as a caller of the served score gives them
        yield vae.score_function(batch, random.pair(seed, random.Purpose.SAMPLE, images))
        first += count(batch)


def of_rows(vae, batch, seeds: tf.Tensor) -> Score:
    """The score of each row of a batch, with one draw z ~ q(z|x) by its seed, an integer pair of `seeds` [B, 2].

    It is NaN if a value of x is outside the likelihood's support, between its levels too, or if a condition is not
    what it should be. Nothing raises, and each row depends on itself alone.
    """
    x, condition = vae.schema.split(batch)
    is_known, condition = conditions.accepted(vae.conditions, condition)
    is_good = vae.likelihood.accepts(x) & is_known
    noise = random.normal_rows([vae.noise_size], seeds)[None]
    terms = vae.terms(vae.schema.join(bad_rows.replaced(is_good, x, 0), condition), noise)
    rate = divergence.rate(terms.latents, "analytic")
    return Score(*(tf.where(is_good, value, np.nan) for value in (-(terms.distortion + rate), rate, terms.distortion)))


def check(vae) -> None:
    """Refuses a model that has no score.

    Raises:
        InputError: saying what would do.
    """
    if not vae.has_density:
        raise InputError(
            f"A model with the posterior {kinds(vae.latents.sites, 'posterior')} is a plain autoencoder and has no "
            f"elbo: train a variational one (posterior DiagonalNormal, objective ELBO), or compare its reconstructions "
            f"with x."
        )


def joined(found: list[Score]) -> Score:
    """The scores of slices as one."""
    if not found:
        return Score(*(tf.zeros([0]) for _ in Score._fields))
    return Score(*(tf.concat(values, axis=0) for values in zip(*found, strict=True)))
