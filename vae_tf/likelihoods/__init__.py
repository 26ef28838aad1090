"""Likelihoods p(x|z), one class a file."""

from vae_tf.likelihoods.base import Likelihood
from vae_tf.likelihoods.bernoulli import Bernoulli
from vae_tf.likelihoods.categorical import Categorical
from vae_tf.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vae_tf.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from vae_tf.likelihoods.laplace import Laplace
from vae_tf.likelihoods.negative_binomial import NegativeBinomial
from vae_tf.likelihoods.normal import Normal

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogisticMixture",
    "Laplace",
    "Likelihood",
    "NegativeBinomial",
    "Normal",
]
