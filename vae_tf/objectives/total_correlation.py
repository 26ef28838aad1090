"""The objective that weighs the total correlation of the codes."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf import schedules
from vae_tf.divergence import KL
from vae_tf.errors import InputError
from vae_tf.family import Factorised
from vae_tf.objectives.base import OfOneLayer, Values, check_weight
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.sizes import size
from vae_tf.terms import Latent, Terms


@keras.saving.register_keras_serializable("vae_tf")
class TotalCorrelation(OfOneLayer):
    """The objective that weighs the total correlation of the codes (beta-TCVAE).

    rate = mutual information + total correlation + KL of each dimension
    loss = distortion + rate + (beta - 1) E_q(z)[ log q(z) - sum_d log q(z_d) ]

    q(z) = E_x[ q(z|x) ] is estimated from the batch by stratified weights, which couples its examples (on several
    devices, those of each); see `log_stratified_weights`, with sample weights too. One example alone has none: 0.

    Source: Chen et al. (2018), equation 4 and appendix C.2.

    Args:
        beta: the weight of the total correlation, a number of at least 0 or a schedule of the step.
        examples: N, the size of the data set; where a recipe leaves it out, that of its data.
        kl: "analytic" or "monte_carlo"; see `ELBO`.
        samples: K, the draws of z for each example.
    """

    directions: Mapping[str, str | None] = {**OfOneLayer.directions, "total_correlation": "down", "beta": None}
    settings = ("beta",)

    def __init__(
        self,
        beta: float | schedules.Schedule = 6.0,
        examples: int | None = None,
        kl: KL = "analytic",
        samples: int = 1,
    ):
        super().__init__(kl, samples)
        check_weight(self, "beta", beta)
        self.beta = beta
        self.examples = None if examples is None else size("TotalCorrelation", "examples", examples, least=2)

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate`, `distortion`, `total_correlation`, each float32 [B], nats, and `beta`, scalar."""
        values = self.measures(terms)
        beta = schedules.at(self.beta, step)
        (latent,) = terms.latents
        total_correlation = self._total_correlation(latent, terms.shares)
        loss = -values["elbo"] + (beta - 1) * total_correlation
        return {"loss": loss, **values, "total_correlation": total_correlation, "beta": beta}

    def _total_correlation(self, latent: Latent, shares: tf.Tensor | None = None) -> tf.Tensor:
        """log q(z) - sum_d log q(z_d) of each example's draws, float32 [B]."""
        assert self.examples is not None  # as checked
        z = latent.z
        batch_size = z.shape[1] or tf.shape(z)[1]
        log_weights = log_stratified_weights(batch_size, self.examples, shares)[..., None]  # [B, B, 1]
        log_densities = latent.marginals.log_prob(z[:, :, None])  # log q(z_d|x_j) for z of x_i: [K, B, B, D]
        log_joint = tf.reduce_logsumexp(log_weights[..., 0] + tf.reduce_sum(log_densities, axis=-1), axis=-1)
        log_marginals = tf.reduce_logsumexp(log_weights + log_densities, axis=2)  # log q(z_d), [K, B, D]
        return tf.reduce_mean(log_joint - tf.reduce_sum(log_marginals, axis=-1), axis=0)

    def for_examples(self, examples: int | None) -> "TotalCorrelation":
        """This objective with N, where it was left out."""
        return TotalCorrelation(self.beta, self.examples or examples, self.kl, self.samples)

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses a posterior that is no product over the dimensions, and a data set of unknown size.

        Raises:
            InputError: saying why, and what would fit.
        """
        super().check(posterior, prior)
        if not isinstance(posterior, Factorised):
            raise InputError(
                f"TotalCorrelation needs the density of each dimension, which {type(posterior).__name__} does not "
                f"have: use posteriors.DiagonalNormal."
            )
        if self.examples is None:
            raise InputError("TotalCorrelation got no examples: give the size of the data set, examples=len(x).")


def log_stratified_weights(batch_size: int | tf.Tensor, examples: int, shares: tf.Tensor | None = None) -> tf.Tensor:
    """The logarithms of the weights with which q(z|x_j) enters the estimate of q(z_i), float32 [B, B].

    q(z_i) ~ 1/N q(z_i|x_i) + (N - M)/(N M) q(z_i|x_j') + 1/M sum_j q(z_i|x_j),  M = B - 1, over the other j

    A batch that is larger than the data set, as evaluation may have, counts as one of its own: N is at least B. In a
    batch of one, q(z|x_i) stands for q(z).

    With sample weights w, of which n are above 0, q(z) is the mixture in which x_i has the share
    pi_i = n w_i / (N sum_k w_k), N being the examples of weight above 0. All of the batch but x_j' stand for
    themselves, and the others, weighed by w, for the rest r_i of the data set:

    q(z_i) ~ sum_{j != j'} pi_j q(z_i|x_j) + r_i sum_{j != i} w_j q(z_i|x_j) / sum_{j != i} w_j
    r_i = 1 - sum_{j != j'} pi_j

    Equal weights give the equation above; what has weight 0 enters nowhere, and x_j' is the next that has one.

    Args:
        batch_size: B.
        examples: N.
        shares: w_i / sum_j w_j, float32 [B]; None where all count alike.
    """
    numbers = tf.range(batch_size)
    distance = (numbers[None] - numbers[:, None]) % batch_size
    if shares is not None:
        return _log_weights_of(shares, distance, examples)
    examples = tf.cast(tf.where(batch_size > 1, tf.maximum(batch_size, examples), 1), tf.float32)  # N
    others = tf.maximum(tf.cast(batch_size, tf.float32) - 1, 1)  # M
    rest = tf.where(distance == 1, (examples - others) / (examples * others), 1 / others)
    return tf.math.log(tf.where(distance == 0, 1 / examples, rest))


def _log_weights_of(shares: tf.Tensor, distance: tf.Tensor, examples: int) -> tf.Tensor:
    count = tf.math.count_nonzero(shares, dtype=tf.int32)  # n
    total = tf.where(count > 1, tf.maximum(count, examples), 1)  # N
    pi = shares * tf.cast(count, tf.float32) / tf.cast(total, tf.float32)
    is_other = (distance > 0) & (shares > 0)
    steps = tf.where(is_other, distance, tf.shape(shares)[0])
    is_next = is_other & (steps == tf.reduce_min(steps, axis=1, keepdims=True))  # j'
    known = tf.where(is_next, 0.0, pi)
    rest = tf.maximum(1 - tf.reduce_sum(known, axis=1, keepdims=True), 0)  # r_i
    others = tf.where(is_other, shares, 0.0)
    return tf.math.log(known + rest * tf.math.divide_no_nan(others, tf.reduce_sum(others, axis=1, keepdims=True)))
