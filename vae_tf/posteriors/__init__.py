"""Posteriors q(z|x), one class a file."""

from vae_tf.posteriors.base import Posterior
from vae_tf.posteriors.deterministic import Deterministic
from vae_tf.posteriors.diagonal_normal import DiagonalNormal
from vae_tf.posteriors.finite_scalar_quantized import FiniteScalarQuantized
from vae_tf.posteriors.full_covariance_normal import FullCovarianceNormal
from vae_tf.posteriors.inverse_autoregressive_flow import InverseAutoregressiveFlow
from vae_tf.posteriors.power_spherical import PowerSpherical
from vae_tf.posteriors.quantized import Quantized
from vae_tf.posteriors.relative_normal import RelativeNormal
from vae_tf.posteriors.relaxed_categorical import RelaxedCategorical
from vae_tf.posteriors.vector_quantized import VectorQuantized

__all__ = [
    "Deterministic",
    "DiagonalNormal",
    "FiniteScalarQuantized",
    "FullCovarianceNormal",
    "InverseAutoregressiveFlow",
    "Posterior",
    "PowerSpherical",
    "Quantized",
    "RelativeNormal",
    "RelaxedCategorical",
    "VectorQuantized",
]
