"""Where the weights start."""

import math

import keras

from vae_tf import VAE


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
