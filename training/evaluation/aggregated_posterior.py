"""What the rate is spent on: telling examples apart, or a code distribution that is not the prior."""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import VAE, random
from vae_tf.data import Batch, count, take
from vae_tf.training.datasets import spread_evenly
from vae_tf.training.evaluation.asked import at_least

DRAWS = 2_000  # codes, one of each example; of more examples, so many spread over all
BATCH = 500  # codes drawn at once
SATURATED = 0.01  # nats: an I_q that is nearer to log N says no more than that it is large
VALUES = 2**23  # codes x posteriors x dimensions that are scored at once


class AggregatedPosterior(NamedTuple):
    """The two parts of the rate, nats.

    mean_x KL[ q(z|x) || p(z) ] = I_q(x; z) + KL[ q(z) || p(z) ],  q(z) = 1/N sum_x q(z|x)

    Attributes:
        mutual_information: I_q(x; z), at most log N; within 0.01 of that it is saturated: N examples show no more.
        marginal_kl: KL[ q(z) || p(z) ].
        mutual_information_standard_error: over the draws of z; None where it is saturated, and has no meaning.
        marginal_kl_standard_error: over the draws of z.
    """

    mutual_information: float
    marginal_kl: float
    mutual_information_standard_error: float | None
    marginal_kl_standard_error: float


def aggregated_posterior(vae: VAE, x: Batch, seed: int) -> AggregatedPosterior | None:
    """Parts the rate of examples x, by Monte Carlo, in memory that does not grow with their number.

    I_q(x; z) ~ mean_i( log q(z_i|x_i) - log 1/N sum_j q(z_i|x_j) ),  z_i ~ q(z|x_i)
    KL[ q(z) || p(z) ] ~ mean_i( log 1/N sum_j q(z_i|x_j) - log p(z_i) )

    If the encoder takes a condition, x is the example together with its condition.

    Source: Hoffman and Johnson (2016), "ELBO surgery", equation 10.

    Args:
        vae: the model.
        x: examples [N, *event], or a dictionary of them and of the conditions.
        seed: the draw of example i is a function of (seed, i) alone.

    Returns:
        Both parts, or None where q(z|x) has no density, or none for the codes of other examples (a flow); of a ladder;
        of discrete codes, nearly all of which differ, so that N examples say no more than log N; or if the prior
        depends on the condition c: q(z) is then compared with no single p(z), but with a p(z|c) for each c.

    Raises:
        InputError: for fewer than 2 examples.
    """
    if not vae.scores_any_code or vae.prior_conditions or not vae.has_dimensions:
        return None
    x = at_least(2, vae, x, "aggregated posterior")
    chosen = spread_evenly(DRAWS, count(x))
    seeds = random.pair(seed, random.Purpose.AGGREGATED_POSTERIOR, chosen)
    codes, log_posterior, log_prior = [], [], []
    for first in range(0, len(chosen), BATCH):
        part = slice(first, first + BATCH)
        noise = random.normal_rows([vae.noise_size], seeds[part])
        (latent,) = vae.terms(take(x, chosen[part]), noise[None]).latents
        codes.append(latent.z[0])  # z_i ~ q(z|x_i), [M, D]
        log_posterior.append(latent.posterior.log_prob(latent.z)[0])  # log q(z_i|x_i)
        log_prior.append(latent.prior.log_prob(latent.z)[0])  # log p(z_i)
    log_aggregated = _log_aggregated(vae, x, tf.concat(codes, axis=0))
    information = np.concatenate(log_posterior) - log_aggregated
    marginal_kl = log_aggregated - np.concatenate(log_prior)
    root = np.sqrt(len(chosen))
    is_saturated = information.mean() > math.log(count(x)) - SATURATED
    return AggregatedPosterior(
        mutual_information=float(information.mean()),
        marginal_kl=float(marginal_kl.mean()),
        mutual_information_standard_error=None if is_saturated else float(information.std(ddof=1) / root),
        marginal_kl_standard_error=float(marginal_kl.std(ddof=1) / root),
    )


def _log_aggregated(vae: VAE, x: Batch, z: tf.Tensor) -> np.ndarray:
    """log q(z_i) = log 1/N sum_j q(z_i|x_j) for codes [M, D], float64 [M]."""
    log_sum = np.full(len(z), -np.inf)
    together = max(1, VALUES // math.prod(z.shape))
    for first in range(0, count(x), together):
        part = take(x, slice(first, first + together))
        log_posterior = vae.log_posterior(z[:, None], part)  # log q(z_i|x_j)
        log_sum = np.logaddexp(log_sum, tf.reduce_logsumexp(log_posterior, axis=1))
    return log_sum - math.log(count(x))
