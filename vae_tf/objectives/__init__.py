"""Objectives, one class a file: from the terms of a pass to what is minimised."""

from vae_tf.objectives.base import Objective
from vae_tf.objectives.elbo import ELBO
from vae_tf.objectives.reconstruction import Reconstruction

__all__ = ["ELBO", "Objective", "Reconstruction"]
