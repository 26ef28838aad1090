"""Posteriors q(z|x), one class a file."""

from vae_tf.posteriors.base import Posterior
from vae_tf.posteriors.deterministic import Deterministic
from vae_tf.posteriors.diagonal_normal import DiagonalNormal

__all__ = ["Deterministic", "DiagonalNormal", "Posterior"]
