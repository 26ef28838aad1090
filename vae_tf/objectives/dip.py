"""The objective that draws the covariance of the codes to the identity."""

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from vae_tf.divergence import KL
from vae_tf.errors import InputError
from vae_tf.family import WithCovariance
from vae_tf.objectives.base import OfOneLayer, Values, check_number
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class DIP(OfOneLayer):
    """The objective that draws the covariance of the codes to the identity (DIP-VAE).

    loss = distortion + rate + off_diagonal sum_{i != j} C_ij^2 + diagonal sum_i (C_ii - 1)^2
    variant "i": C = Cov_x[ E_q[z] ];  variant "ii": C = Cov_x[ E_q[z] ] + E_x[ Cov_q[z] ], the covariance of q(z)
    E_x[f] = sum_i w_i f(x_i) / sum_i w_i,  Cov_x[f] = E_x[ (f - E_x[f]) (f - E_x[f])^T ],  w: the sample weights

    The covariance is that of the batch, which couples its examples (on several devices, those of each). One example
    alone has none: there, variant "i" adds 0.

    Source: Kumar et al. (2018), equations 6 and 7.

    Args:
        variant: "i" or "ii".
        off_diagonal: the weight of the covariances, at least 0.
        diagonal: the weight of the variances, at least 0.
        kl: "analytic" or "monte_carlo"; see `ELBO`.
        samples: K, the draws of z for each example.
    """

    directions: Mapping[str, str | None] = {**OfOneLayer.directions, "dependence": "down"}

    def __init__(
        self,
        variant: Literal["i", "ii"] = "ii",
        off_diagonal: float = 10.0,
        diagonal: float = 10.0,
        kl: KL = "analytic",
        samples: int = 1,
    ):
        super().__init__(kl, samples)
        if variant not in ("i", "ii"):
            raise InputError(f'DIP got variant={variant!r}: give "i" or "ii".')
        check_number(self, "off_diagonal", off_diagonal)
        check_number(self, "diagonal", diagonal)
        self.variant, self.off_diagonal, self.diagonal = variant, off_diagonal, diagonal

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate`, `distortion`, each float32 [B], nats, and the batch's `dependence`, float32 [B]."""
        del step
        values = self.measures(terms)
        covariance = self._covariance(terms)
        variances = tf.linalg.diag_part(covariance)
        dependence = self.off_diagonal * (tf.reduce_sum(covariance**2) - tf.reduce_sum(variances**2))
        dependence += self.diagonal * tf.reduce_sum((variances - 1) ** 2)
        if self.variant == "i":
            dependence = tf.where(terms.several, dependence, 0.0)
        dependence *= tf.ones_like(values["rate"])
        return {"loss": -values["elbo"] + dependence, **values, "dependence": dependence}

    def _covariance(self, terms: Terms) -> tf.Tensor:
        """C, float32 [D, D]."""
        (latent,) = terms.latents
        mean = latent.posterior.mean()
        centred = mean - terms.mean(mean)
        if terms.shares is None:
            covariance = tf.matmul(centred, centred, transpose_a=True) / tf.cast(tf.shape(mean)[0], tf.float32)
        else:
            covariance = tf.matmul(terms.shares[:, None] * centred, centred, transpose_a=True)
        if self.variant == "i":
            return covariance
        return covariance + terms.mean(latent.covariance)

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses a posterior without a covariance in closed form, or whose codes cannot have that of the identity.

        Raises:
            InputError: saying why, and what would fit.
        """
        super().check(posterior, prior)
        if not isinstance(posterior, WithCovariance):
            raise InputError(
                f"DIP draws the covariance of the codes to the identity, and that of {type(posterior).__name__} has "
                f"no closed form or cannot be: use posteriors.DiagonalNormal or posteriors.FullCovarianceNormal."
            )
