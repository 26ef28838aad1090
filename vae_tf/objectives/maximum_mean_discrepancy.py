"""The objective that draws the aggregated posterior to the prior."""

from typing import Literal

import keras
import tensorflow as tf

from vae_tf import schedules
from vae_tf.divergence import KL
from vae_tf.errors import InputError
from vae_tf.objectives.base import Bound, OfOneLayer, Values, check_weight
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.spaces import WholeNumbers
from vae_tf.terms import Latent, Terms

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the inverse multiquadratic kernel


@keras.saving.register_keras_serializable("vae_tf")
class MaximumMeanDiscrepancy(OfOneLayer):
    """The objective that draws the aggregated posterior to the prior (InfoVAE, WAE-MMD).

    loss = distortion + beta rate + weight MMD^2[ q(z), p(z) ],  q(z) = E_x[ q(z|x) ]
    MMD^2 = E[k(z, z')] + E[k(e, e')] - 2 E[k(z, e)],  z, z' ~ q(z),  e, e' ~ p(z)
    kernel "gaussian": k = exp(-|z - e|^2 / D);  "inverse_multiquadratic": k = sum_s 2 s D / (2 s D + |z - e|^2)

    Without a bias, over the first draw of each example and as many of the prior, which couples the batch's examples
    (on several devices, those of each). With sample weights w, a pair of i and j counts w_i w_j in each mean:
    E[k(z, z')] = sum_{i != j} w_i w_j k(z_i, z_j) / sum_{i != j} w_i w_j.

    With beta=None there is no rate and no elbo, for a deterministic posterior: the Wasserstein autoencoder. InfoVAE's
    alpha and lambda are beta = 1 - alpha and weight = alpha + lambda - 1.

    Source: Zhao et al. (2019), equation 6; Tolstikhin et al. (2018), algorithm 2.

    Args:
        weight: of the discrepancy, a number of at least 0 or a schedule of the step.
        beta: the weight of the rate, a number of at least 0, a schedule of the step, or None.
        kernel: "gaussian" or "inverse_multiquadratic".
        kl: "analytic" or "monte_carlo"; see `ELBO`.
        samples: K, the draws of z for each example.
    """

    settings = ("beta",)

    def __init__(
        self,
        weight: float | schedules.Schedule = 1000.0,
        beta: float | schedules.Schedule | None = 0.0,
        kernel: Literal["gaussian", "inverse_multiquadratic"] = "gaussian",
        kl: KL = "analytic",
        samples: int = 1,
    ):
        super().__init__(kl, samples)
        check_weight(self, "weight", weight)
        if beta is not None:
            check_weight(self, "beta", beta)
        if kernel not in ("gaussian", "inverse_multiquadratic"):
            raise InputError(
                f'MaximumMeanDiscrepancy got kernel={kernel!r}: give "gaussian" or "inverse_multiquadratic".'
            )
        self.weight, self.beta, self.kernel = weight, beta, kernel
        if beta is None:
            self.directions = {"loss": "down", "distortion": "down", "discrepancy": "down"}
        else:
            self.directions = {**Bound.directions, "discrepancy": "down", "beta": None}

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """The values of `directions`, each float32 [B]; the `discrepancy`, MMD^2, is that of the batch."""
        (latent,) = terms.latents
        distortion = terms.distortion
        discrepancy = self._discrepancy(latent, terms.shares) * tf.ones_like(distortion)
        loss = distortion + schedules.at(self.weight, step) * discrepancy
        if self.beta is None:
            return {"loss": loss, "distortion": distortion, "discrepancy": discrepancy}
        values, beta = self.measures(terms), schedules.at(self.beta, step)
        return {"loss": loss + beta * values["rate"], **values, "discrepancy": discrepancy, "beta": beta}

    def _discrepancy(self, latent: Latent, shares: tf.Tensor | None) -> tf.Tensor:
        """MMD^2[ q(z), p(z) ] without bias, float32 scalar; 0 for a batch of one, which says nothing."""
        z, e = latent.z[0], latent.prior_draw
        if shares is not None:
            pairs = shares[:, None] * shares  # w_i w_j
            others = tf.linalg.set_diag(pairs, tf.zeros_like(shares))
            mean = lambda pairs, kernel: tf.math.divide_no_nan(tf.reduce_sum(pairs * kernel), tf.reduce_sum(pairs))  # noqa: E731
            discrepancy = mean(others, self._kernel(z, z)) + mean(others, self._kernel(e, e))
            discrepancy -= 2 * mean(pairs, self._kernel(z, e))
            return tf.where(tf.reduce_any(others > 0), discrepancy, 0.0)
        count = tf.cast(tf.shape(z)[0], tf.float32)
        others = tf.maximum(count - 1, 1)
        within = lambda values: (  # noqa: E731  E[k(z, z')] over pairs of two
            tf.reduce_sum(tf.linalg.set_diag(self._kernel(values, values), tf.zeros_like(values[:, 0])))
            / (count * others)
        )
        discrepancy = within(z) + within(e) - 2 * tf.reduce_mean(self._kernel(z, e))
        return tf.where(count > 1, discrepancy, 0.0)

    def _kernel(self, one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        size = float(one.shape[-1])
        square = tf.reduce_sum((one[:, None] - other) ** 2, axis=-1)  # |z - e|^2, [B, B]
        if self.kernel == "gaussian":
            return tf.exp(-square / size)
        return tf.add_n([2 * scale * size / (2 * scale * size + square) for scale in SCALES])

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses a rate without a density, a density without a rate, discrete codes, and draws that train no prior.

        Raises:
            InputError: saying why, and what would fit.
        """
        if self.beta is not None:
            super().check(posterior, prior)
        elif posterior.has_density:
            raise InputError(
                f"MaximumMeanDiscrepancy(beta=None) ignores the rate of {type(posterior).__name__}: give beta=0 to "
                f"leave it out of the loss but log it, or use posteriors.Deterministic."
            )
        if isinstance(posterior.space, WholeNumbers):
            raise InputError(
                f"MaximumMeanDiscrepancy measures how far codes are from each other, and those of "
                f"{type(posterior).__name__} are numbers of vectors: use objectives.ELBO."
            )
        if prior.is_learned and prior.trainable and not prior.is_reparameterised:
            raise InputError(
                f"MaximumMeanDiscrepancy trains a prior through its draws, and those of {type(prior).__name__} carry "
                f"no gradient to all of its weights: use priors.StandardNormal, or fit the prior afterwards."
            )
