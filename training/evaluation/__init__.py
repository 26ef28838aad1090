"""Measures of a trained model, one a file, and the results of a run."""

from vae_tf.training.evaluation.active_units import active_units
from vae_tf.training.evaluation.likelihood import LogLikelihood, log_likelihood
from vae_tf.training.evaluation.results import evaluate

__all__ = ["LogLikelihood", "active_units", "evaluate", "log_likelihood"]
