"""How many latent dimensions a model uses."""

import numpy as np

from vae_tf import VAE

THRESHOLD = 0.01


def active_units(vae: VAE, x, batch_size: int = 1_000) -> int:
    """The number of active latent dimensions: those whose code varies over the data.

    u is active where Var_x( E_q(u|x)[u] ) > 0.01

    Source: Burda et al. (2016), section 5.1 (A_u).

    Args:
        vae: the model.
        x: examples, float32 [N, *event].
        batch_size: examples of one pass.
    """
    parts = range(0, len(x), batch_size)
    codes = np.concatenate([vae.posterior.code(vae.encode(x[first : first + batch_size])) for first in parts])
    return int(np.sum(codes.var(axis=0) > THRESHOLD))
