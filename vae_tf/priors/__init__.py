"""Priors p(z), one class a file."""

from vae_tf.priors.autoregressive_flow import AutoregressiveFlow
from vae_tf.priors.base import Prior
from vae_tf.priors.conditional_normal import ConditionalNormal
from vae_tf.priors.hierarchical import Hierarchical
from vae_tf.priors.mixture_of_normals import MixtureOfNormals
from vae_tf.priors.spherical_uniform import SphericalUniform
from vae_tf.priors.standard_normal import StandardNormal
from vae_tf.priors.uniform_codes import UniformCodes
from vae_tf.priors.vamp_prior import VampPrior

__all__ = [
    "AutoregressiveFlow",
    "ConditionalNormal",
    "Hierarchical",
    "MixtureOfNormals",
    "Prior",
    "SphericalUniform",
    "StandardNormal",
    "UniformCodes",
    "VampPrior",
]
