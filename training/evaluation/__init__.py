"""Measures of a trained model, one a file, and the results of a run."""

from vae_tf.training.evaluation import features
from vae_tf.training.evaluation.active_units import active_units
from vae_tf.training.evaluation.aggregated_posterior import AggregatedPosterior, aggregated_posterior
from vae_tf.training.evaluation.code_usage import CodeUsage, code_frequencies, code_usage, dead_codes
from vae_tf.training.evaluation.codes import codes
from vae_tf.training.evaluation.distances import KernelDistance, frechet_distance, kernel_distance
from vae_tf.training.evaluation.kl_per_dimension import kl_per_dimension
from vae_tf.training.evaluation.label_accuracy import LabelAccuracy, label_accuracy
from vae_tf.training.evaluation.likelihood import LogLikelihood, log_likelihood
from vae_tf.training.evaluation.linear_probe import LinearProbe, linear_probe
from vae_tf.training.evaluation.mutual_information_gap import mutual_information_gap
from vae_tf.training.evaluation.rate_by_rung import rate_by_rung
from vae_tf.training.evaluation.reconstruction_error import reconstruction_error
from vae_tf.training.evaluation.results import Examples, evaluate
from vae_tf.training.evaluation.sample_quality import sample_quality

__all__ = [
    "AggregatedPosterior",
    "CodeUsage",
    "Examples",
    "KernelDistance",
    "LabelAccuracy",
    "LinearProbe",
    "LogLikelihood",
    "active_units",
    "aggregated_posterior",
    "code_frequencies",
    "code_usage",
    "codes",
    "dead_codes",
    "evaluate",
    "features",
    "frechet_distance",
    "kernel_distance",
    "kl_per_dimension",
    "label_accuracy",
    "linear_probe",
    "log_likelihood",
    "mutual_information_gap",
    "rate_by_rung",
    "reconstruction_error",
    "sample_quality",
]
