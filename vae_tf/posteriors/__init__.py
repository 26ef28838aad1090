"""Posteriors q(z|x), one class a file."""

from vae_tf.posteriors.base import Posterior
from vae_tf.posteriors.deterministic import Deterministic
from vae_tf.posteriors.diagonal_normal import DiagonalNormal
from vae_tf.posteriors.full_covariance_normal import FullCovarianceNormal
from vae_tf.posteriors.inverse_autoregressive_flow import InverseAutoregressiveFlow
from vae_tf.posteriors.power_spherical import PowerSpherical

__all__ = [
    "Deterministic",
    "DiagonalNormal",
    "FullCovarianceNormal",
    "InverseAutoregressiveFlow",
    "Posterior",
    "PowerSpherical",
]
