"""The codes of a data set, which several measures read."""

import numpy as np

from vae_tf import VAE


def codes(vae: VAE, x, batch_size: int = 1_000) -> np.ndarray:
    """The code that stands for each example, float32 [N, D]: the posterior's mean, or its location.

    Args:
        vae: the model.
        x: examples [N, *event].
        batch_size: examples of one pass.
    """
    parts = [np.zeros((0, vae.latent_size), np.float32)]
    for first in range(0, len(x), batch_size):
        parts.append(vae.represent(x[first : first + batch_size]).z.numpy())
    return np.concatenate(parts)
