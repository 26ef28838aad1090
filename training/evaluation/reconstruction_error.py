"""How far reconstructions are from what they reconstruct."""

import numpy as np

from vae_tf import VAE
from vae_tf.data import Batch, count, take
from vae_tf.training.datasets import x_of
from vae_tf.training.evaluation.asked import at_least


def reconstruction_error(vae: VAE, x: Batch, batch_size: int = 1_000) -> float:
    """The mean squared difference between each value of x and the mean of p(x|z) at the posterior's code.

    Args:
        vae: the model.
        x: examples [N, *event], or a dictionary of them and of the conditions.
        batch_size: examples of one pass.

    Raises:
        InputError: for no examples.
    """
    x = at_least(1, vae, x, "reconstruction error")
    total = 0.0
    for first in range(0, count(x), batch_size):
        part = take(x, slice(first, first + batch_size))
        total += float(np.sum(np.square(x_of(part) - vae.reconstruct(part), dtype=np.float64)))
    return total / np.size(x_of(x))
