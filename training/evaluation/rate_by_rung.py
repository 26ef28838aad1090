"""What each rung of a ladder costs."""

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.data import Batch, count, take
from vae_tf.training.evaluation.asked import at_least


def rate_by_rung(vae: VAE, x: Batch, batch_size: int = 500) -> np.ndarray | None:
    """The mean over the data of the rate of each rung, from the top down, float32 [L], nats; their sum is the rate.

    E_q[ KL[ q(z_l|z_<l, x) || p(z_l|z_<l) ] ], by one draw of what is above it

    Args:
        vae: the model.
        x: examples [N, *event], or a dictionary of them and of the conditions.
        batch_size: examples of one pass.

    Returns:
        The rates, or None for a model of one layer, or without a rate.

    Raises:
        InputError: for no examples.
    """
    if len(vae.latents.sites) == 1 or not vae.has_density:
        return None
    x = at_least(1, vae, x, "rate of each rung")
    total = np.zeros(len(vae.latents.sites))
    for first in range(0, count(x), batch_size):
        total += tf.reduce_sum(vae.rates_by_layer(take(x, slice(first, first + batch_size))), axis=0).numpy()
    return (total / count(x)).astype(np.float32)
