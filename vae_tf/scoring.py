"""The score of each example: the bound on its log-likelihood, and the bound's two terms."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from vae_tf import random
from vae_tf.errors import InputError
from vae_tf.parts import parts

if TYPE_CHECKING:
    from vae_tf.model import VAE

ROWS = 500  # examples of one pass, at most
VALUES = 2**22  # values of x in these rows, at most


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


def scores(vae: "VAE", x, seed: int) -> Iterator[Score]:
    """Scores consecutive parts of `x`, so that a caller can show how far it is.

    Args:
        vae: the model.
        x: an array [N, *event], or a `tf.data.Dataset` of batches.
        seed: the draw of example i is a function of (seed, i) alone.

    Yields:
        The `Score` of the next examples, in order.

    Raises:
        InputError: for values outside the support, a seed beyond int32, or a plain autoencoder.
    """
    if not vae.posterior.has_density:
        raise InputError(
            f"A model with the posterior {type(vae.posterior).__name__} is a plain autoencoder and has no elbo: train "
            f"a variational one (posterior DiagonalNormal, objective ELBO), or compare vae.reconstruct(x) with x."
        )
    if not -(2**31) <= seed < 2**31:
        raise InputError(f"seed is {seed}: give a number from {-(2**31)} to {2**31 - 1}, as a served score takes.")
    first = 0
    rows = max(1, min(ROWS, VALUES // math.prod(vae.event_shape)))
    for part in parts(x, rows, vae.likelihood):
        images = tf.range(first, first + len(part), dtype=tf.int64)
        # (seed, i), as a caller of the served score gives them
        yield Score(**vae.score_function(part, random.pair(seed, random.Purpose.SAMPLE, images)))
        first += len(part)


def joined(found: list[Score]) -> Score:
    """The scores of parts as one."""
    if not found:
        return Score(*(tf.zeros([0]) for _ in Score._fields))
    return Score(*(tf.concat(values, axis=0) for values in zip(*found, strict=True)))
