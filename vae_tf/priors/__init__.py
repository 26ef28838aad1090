"""Priors p(z), one class a file."""

from vae_tf.priors.base import Prior
from vae_tf.priors.standard_normal import StandardNormal

__all__ = ["Prior", "StandardNormal"]
