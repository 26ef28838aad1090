"""Objectives, one class a file: from the terms of a pass to what is minimised."""

from vae_tf.objectives.base import Objective
from vae_tf.objectives.capacity import Capacity
from vae_tf.objectives.dip import DIP
from vae_tf.objectives.elbo import ELBO
from vae_tf.objectives.free_bits import FreeBits
from vae_tf.objectives.importance_weighted import ImportanceWeighted
from vae_tf.objectives.maximum_mean_discrepancy import MaximumMeanDiscrepancy
from vae_tf.objectives.reconstruction import Reconstruction
from vae_tf.objectives.total_correlation import TotalCorrelation

__all__ = [
    "DIP",
    "ELBO",
    "Capacity",
    "FreeBits",
    "ImportanceWeighted",
    "MaximumMeanDiscrepancy",
    "Objective",
    "Reconstruction",
    "TotalCorrelation",
]
