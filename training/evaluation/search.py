"""Codes whose decoded pictures have the highest value of a score."""

import math
import numbers
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from rich import progress

from vae_tf import VAE, random
from vae_tf.errors import InputError
from vae_tf.latents.site import kinds
from vae_tf.sizes import size, whole

Score = Callable[[tf.Tensor], tf.Tensor]  # of pictures [count, *event], to [count]


class Found(NamedTuple):
    """What a search has found, and where it started.

    Attributes:
        z: codes, float32 [count, D].
        x: the means of p(x|z), float32 [count, *event].
        score: of x, float32 [count].
        x_at_start: the means of p(x|z) for the codes that the search started from, float32 [count, *event].
        score_at_start: of `x_at_start`, float32 [count].
    """

    z: np.ndarray
    x: np.ndarray
    score: np.ndarray
    x_at_start: np.ndarray
    score_at_start: np.ndarray


def search(
    vae: VAE,
    score: Score,
    /,
    *,
    count: int = 8,
    steps: int = 200,
    seed: int = 0,
    prior_weight: float = 1.0,
    learning_rate: float = 0.1,
    **condition,
) -> Found:
    """Codes whose decoded pictures have the highest value of any differentiable score, kept where the prior puts codes.

    max_e  score(mean of p(x|z(e))) + prior_weight log p(|e|),  log p(|e|) = (N - 1) log |e| - |e|^2 / 2 + constant

    z(e) is the code that the prior makes of N standard normals e, so the search is the same for every prior over
    continuous codes, with a density or without. Almost all draws have |e| near sqrt(N). The likeliest e, which is 0, is
    like none of them, and often decodes to a blur; so the prior pulls |e| alone, to its likeliest value sqrt(N - 1),
    and the score finds the direction.

    The search starts from the codes of `vae.sample(count, seed)`, and row i is a function of (seed, i) alone if the
    score of a picture does not depend on the others. It goes by Adam, whose learning rate falls to 0 as a cosine.
    Normals that no gradient reaches, such as the one that chooses the component of a mixture, stay as they were drawn;
    N counts the others.

    Source: Nguyen et al. (2016), "Synthesizing the preferred inputs for neurons in neural networks via deep generator
    networks"; Frans et al. (2021), "CLIPDraw", whose decoder draws strokes. The pull on |e|: Menon et al. (2020),
    "PULSE", who hold it at sqrt(N).

    Args:
        vae: the model.
        score: from pictures, float32 [count, *event], to a value of each, float32 [count], such as
            `lambda x: classifier(x)[:, 7]`.
        count: of searches, each from a start of its own.
        steps: of Adam.
        seed: of the starts.
        prior_weight: of the prior's pull.
        learning_rate: where it starts.
        condition: the conditions, by name, one value for all rows or one for each.

    Raises:
        InputError: for discrete codes, which no gradient moves; a score of another shape, without a gradient, or that
            is not finite; counts below 1; weights and rates below 0.
    """
    count, steps, seed = size("search", "count", count), size("search", "steps", steps), whole("search", "seed", seed)
    _check_number("prior_weight", prior_weight)
    _check_number("learning_rate", learning_rate)
    check_codes(vae)

    def decoded(noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """z(e), the mean of p(x|z), and its score."""
        z = vae.from_noise(noise, **condition)
        x = vae.mean(z, **condition)
        return z, x, _checked(score(x), count)

    seeds = random.pair(seed, random.Purpose.SAMPLE, tf.range(count))
    e = keras.Variable(random.normal_rows([vae.prior_noise_size], seeds), dtype="float32", name="noise")
    is_reached = _is_reached(decoded, tf.constant(e.value))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps))
    optimizer.build([e])

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(e.value)
            noise = tf.convert_to_tensor(e.value)
            _, _, found = decoded(noise)
            loss = -tf.reduce_sum(found + prior_weight * _log_prob_of_radius(noise, is_reached))
        optimizer.apply([tape.gradient(loss, e.value)], [e])
        return found

    _, x_at_start, score_at_start = decoded(tf.constant(e.value))
    for number in progress.track(range(steps), "searching", transient=True):
        _check_finite(step(), number)
    z, x, found = decoded(tf.constant(e.value))
    _check_finite(found, steps)
    return Found(*(value.numpy() for value in (z, x, found, x_at_start, score_at_start)))


def check_codes(vae: VAE) -> None:
    """Refuses a model of discrete codes, which no gradient moves.

    Raises:
        InputError: naming its posteriors.
    """
    if vae.code_count is not None:
        raise InputError(
            f"A search moves codes little by little, and those of {kinds(vae.latents.sites, 'posterior')} are whole "
            f"numbers: give a model of continuous codes, such as those of DiagonalNormal."
        )


def _log_prob_of_radius(noise: tf.Tensor, is_reached: np.ndarray) -> tf.Tensor:
    """log p(|e|), float32 [count], nats, but for a constant, of those of the standard normals [count, *] that count."""
    size = int(is_reached.sum())  # N
    square = tf.reduce_sum(tf.where(is_reached, noise, 0.0) ** 2, axis=-1)  # |e|^2
    return tf.math.xlogy((size - 1) / 2, square) - square / 2  # (N - 1) log |e| - |e|^2 / 2


def _is_reached(decoded: Callable, noise: tf.Tensor) -> np.ndarray:
    """Which of the standard normals a gradient of the score reaches at the start, bool [*].

    Raises:
        InputError: if it reaches none, or the score is not finite.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(noise)
        _, _, found = decoded(noise)
    _check_finite(found, 0)
    gradient = tape.gradient(found, noise)
    if gradient is None or not np.any(gradient):
        raise InputError(
            "No gradient of the score reaches the codes, so it does not say where to go: compute it from the pictures "
            "by functions of TensorFlow that have one, without rounding, comparing or NumPy."
        )
    return np.any(gradient, axis=0)


def _checked(found, count: int) -> tf.Tensor:
    """The score, float32 [count]; refuses another shape or dtype."""
    found = tf.convert_to_tensor(found)
    if tuple(found.shape) != (count,) or not found.dtype.is_floating:
        raise InputError(
            f"The score of {count} pictures is {found.dtype.name} of shape {tuple(found.shape)}: give one value for "
            f"each, float32 of shape ({count},), such as lambda x: classifier(x)[:, 7]."
        )
    return tf.cast(found, tf.float32)


def _check_finite(found: tf.Tensor, steps: int) -> None:
    values = found.numpy()
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        when = f"after {steps} steps" if steps else "at the start"
        raise InputError(
            f"The score of picture {bad[0]} is {values[bad[0]]} {when}: give a score that is finite for every picture, "
            f"such as a log-probability from logits, or a smaller learning_rate."
        )


def _check_number(name: str, value: float) -> None:
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise InputError(f"search got {name}={value!r}: give a number of at least 0.")
