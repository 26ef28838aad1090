"""Where the weights start."""

import contextlib
import math
import random
from collections.abc import Iterator

import keras

from vae_tf import VAE
from vae_tf.inputs import Standardize


def adapt(vae: VAE, data) -> None:
    """Shows the data to what the encoder does with them first, where that learns from them.

    Args:
        vae: the model, whose mean and deviation of the data are replaced.
        data: as in `vae_tf.inputs.Standardize.adapt`.
    """
    for layer in vae.encoder.layers:
        if isinstance(layer, Standardize):
            layer.adapt(data)


def fan_in_uniform(vae: VAE, seed: int) -> None:
    """Starts every kernel, and the bias that goes with it, uniform in +-1 / sqrt(fan in), as PyTorch's layers do.

    Args:
        vae: the model, whose weights are replaced.
        seed: of the draws.
    """
    bound = 0.0
    for number, weight in enumerate(vae.trainable_weights):
        if weight.name == "kernel":
            bound = 1 / math.sqrt(math.prod(weight.shape[:-1]))
        if weight.name in ("kernel", "bias"):
            draw = keras.initializers.RandomUniform(-bound, bound, seed=1_000_000 * seed + number)
            weight.assign(draw(weight.shape, weight.dtype))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights that are made within start where `seed` says, whatever was drawn before, and what is drawn after.

    Keras takes the seeds that nobody gave from Python's `random`.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
