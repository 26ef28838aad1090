"""How many latent dimensions a model uses."""

import numpy as np

THRESHOLD = 0.01


def active_units(codes: np.ndarray) -> int:
    """The number of active latent dimensions: those whose code varies over the data.

    u is active where Var_x( E_q(u|x)[u] ) > 0.01

    Source: Burda et al. (2016), section 5.1 (A_u).

    Args:
        codes: those of `evaluation.codes`, float32 [N, D].
    """
    return int(np.sum(codes.var(axis=0) > THRESHOLD))
