"""Likelihoods p(x|z), one class a file."""

from vae_tf.likelihoods.base import Likelihood
from vae_tf.likelihoods.bernoulli import Bernoulli
from vae_tf.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vae_tf.likelihoods.normal import Normal

__all__ = ["Bernoulli", "ContinuousBernoulli", "Likelihood", "Normal"]
