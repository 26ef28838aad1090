"""Columns of a table whose scales lie far apart, under a likelihood that has one scale for all."""

import warnings

import numpy as np

from vae_tf.likelihoods import Likelihood
from vae_tf.likelihoods.location_scale import LocationScale

APART = 30  # times as large


def warn_if_apart(x: np.ndarray, likelihood: Likelihood) -> None:
    """Warns of a table [N, C] whose columns' deviations lie far apart, if log p(x|z) measures them by one scale."""
    if x.ndim != 2 or not isinstance(likelihood, LocationScale) or likelihood.scale == "predicted":
        return
    deviations = x.std(axis=0, dtype=np.float64)
    smallest, largest = np.min(deviations[deviations > 0], initial=np.inf), deviations.max()
    if largest > APART * smallest:
        warnings.warn(
            f"The columns' standard deviations go from {smallest:.3g} to {largest:.3g}, and "
            f"{type(likelihood).__name__} has one scale for all, so the small columns are hardly learned: divide each "
            f"column by its own first.",
            stacklevel=2,
        )
