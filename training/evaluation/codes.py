"""The codes of a data set, which several measures read."""

import numpy as np

from vae_tf import VAE
from vae_tf.data import Batch, count, take


def codes(vae: VAE, x: Batch, batch_size: int = 1_000) -> np.ndarray:
    """The code that stands for each example, float32 [N, D]: the posterior's mean, or its location.

    Args:
        vae: the model.
        x: examples [N, *event], or a dictionary of them and of the encoder's conditions.
        batch_size: examples of one pass.

    Raises:
        InputError: for what the encoder does not take.
    """
    x = vae.schema.needing(vae.encoder_conditions).arrays(x)
    parts = [np.zeros((0, vae.latent_size), np.float32)]
    for first in range(0, count(x), batch_size):
        parts.append(vae.represent(take(x, slice(first, first + batch_size))).z.numpy())
    return np.concatenate(parts)
