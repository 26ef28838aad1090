"""What each latent dimension costs."""

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.data import Batch, count, take
from vae_tf.training.evaluation.asked import at_least


def kl_per_dimension(vae: VAE, x: Batch, batch_size: int = 1_000) -> np.ndarray | None:
    """The mean over the data of each dimension's KL[ q(z_d|x) || p(z_d) ], float32 [D], nats; their sum is the rate.

    Args:
        vae: the model.
        x: examples [N, *event], or a dictionary of them and of the conditions.
        batch_size: examples of one pass.

    Returns:
        The divergences, or None where posterior and prior do not fall apart into dimensions.

    Raises:
        InputError: for no examples.
    """
    if not vae.is_factorised:
        return None
    x = at_least(1, vae, x, "KL per dimension")
    total = np.zeros(vae.latent_size)
    for first in range(0, count(x), batch_size):
        total += tf.reduce_sum(vae.rates(take(x, slice(first, first + batch_size))), axis=0).numpy()
    return (total / count(x)).astype(np.float32)
