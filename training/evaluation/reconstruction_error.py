"""How far reconstructions are from what they reconstruct."""

import numpy as np

from vae_tf import VAE, examples


def reconstruction_error(vae: VAE, x, batch_size: int = 1_000) -> float:
    """The mean squared difference between each value of x and the mean of p(x|z) at the posterior's code.

    Args:
        vae: the model.
        x: examples [N, *event].
        batch_size: examples of one pass.
    """
    x = examples.as_float32(x, vae.likelihood)
    total = 0.0
    for first in range(0, len(x), batch_size):
        part = x[first : first + batch_size]
        total += float(np.sum(np.square(part - vae.reconstruct(part), dtype=np.float64)))
    return total / np.size(x)
