"""How near a model's samples are to the test images, in a stated feature space."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from rich import progress

from vae_tf import VAE, random
from vae_tf.data import Batch, take
from vae_tf.errors import InputError
from vae_tf.images import is_image
from vae_tf.training.datasets import spread_evenly
from vae_tf.training.evaluation.distances import frechet_distance, kernel_distance
from vae_tf.training.evaluation.features import Features

LARGEST = 10_000  # samples
CHUNK = 500  # that are made together


def sample_quality(vae: VAE, x_test: Batch, features: Features, *, seed: int) -> dict[str, Any]:
    """Compares as many samples as there are test images, at most 10,000, with these.

    Like is compared with like: where the test images are binary and the likelihood is of discrete values, the samples
    are draws from p(x|z), else means, as `VAE.sample` gives them, cut to [0, 1]; z ~ p(z). With conditions, each sample
    has those of one test image, so that there are as many samples of each kind as there are test images of it.

    Args:
        vae: the model.
        x_test: images as the model sees them, float32 [N, H, W, C] in [0, 1], or a dictionary of them and of the
            conditions; of more than 10,000, as many spread evenly over them.
        features: the feature space.
        seed: of the samples, and of the kernel distance's blocks.

    Returns:
        `frechet_distance`, biased upwards for few samples, so it compares only with one of as many;
        `kernel_distance`, without that bias, and its `kernel_distance_standard_error`; the name of the `features`;
        and the number of `compared_samples`.

    Raises:
        InputError: for a model of no images, values outside [0, 1], or fewer than 2 test images.
    """
    if not is_image(vae.event_shape):
        raise InputError(
            f"Sample quality needs images (height, width, 1 or 3), but the model's data is {vae.event_shape}: leave it "
            f"out."
        )
    x, conditions = vae.schema.needing(vae.generative_conditions).split(x_test)
    conditions = {name: np.asarray(values) for name, values in conditions.items()}
    if len(x) < 2:
        raise InputError(f"Sample quality was asked for beside {len(x)} test images: give at least 2.")
    if len(x) > LARGEST:
        x, conditions = take((x, conditions), spread_evenly(LARGEST, len(x)))
    x = np.asarray(x, np.float32)
    if not (x.min() >= 0 and x.max() <= 1):
        raise InputError(
            f"The test images range from {x.min():g} to {x.max():g}, but sample quality needs [0, 1]: scale the data, "
            f"or leave it out."
        )
    is_binary = vae.likelihood.is_discrete and bool(np.all((x == 0) | (x == 1)))
    chunks = _samples(vae, len(x), conditions, seed, is_binary)
    made, real = np.concatenate([features(chunk) for chunk in chunks]), features(x)
    kernel = kernel_distance(made, real, seed)
    return {
        "frechet_distance": frechet_distance(made, real),
        "kernel_distance": kernel.value,
        "kernel_distance_standard_error": kernel.standard_error,
        "features": features.name,
        "compared_samples": len(x),
    }


def _samples(vae: VAE, count: int, conditions: dict, seed: int, drawn: bool) -> Iterator[np.ndarray]:
    """Draws or means of p(x|z), float32 [B, H, W, C] in [0, 1]; the codes are those of `vae.sample(count, seed)`."""
    for first in progress.track(range(0, count, CHUNK), f"{count:,} samples", transient=True):
        last = min(first + CHUNK, count)
        beside = take(conditions, slice(first, last))
        z = vae.draw(random.pair(seed, random.Purpose.SAMPLE, tf.range(first, last)), **beside)
        p = vae.decode(z, **beside)
        salted = tfp.random.sanitize_seed([seed, first], salt="p(x|z)")  # shares no numbers with the codes
        images = p.sample(seed=salted) if drawn else vae.likelihood.mean(p)
        yield np.clip(images.numpy(), 0, 1)
