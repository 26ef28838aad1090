"""The importance-weighted bound."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.latents import Infer, InferWeighed, WeighedLatent
from vae_tf.latents.site import Site
from vae_tf.objectives.base import Bound, Values, check_is_one
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.spaces import Sphere, WholeNumbers
from vae_tf.terms import Terms


@keras.saving.register_keras_serializable("vae_tf")
class ImportanceWeighted(Bound):
    """The importance-weighted bound, which is nearer to log p(x) the more draws it takes.

    loss = -log 1/K sum_k w_k,  w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)

    With gradient="standard" the loss is differentiated as it stands. With "dreg" the gradient of the posterior's
    parameters is the doubly reparameterised one: sum_k v_k^2 (d log w_k / d z_k) (d z_k / d parameters), with v_k the
    normalised weights. It has the same expectation, and its signal-to-noise ratio does not fall as K rises. On the
    sphere d log w / d z has heavy tails (log q(z|x) has a pole at -loc), so "dreg" is refused there.

    Source: Burda et al. (2016), equation 8; "dreg": Tucker et al. (2019), equation 8.

    Args:
        samples: K, the draws of z for each example.
        gradient: "standard" or "dreg".
    """

    def __init__(self, samples: int = 5, gradient: Literal["standard", "dreg"] = "standard"):
        super().__init__(samples=samples)
        if gradient not in ("standard", "dreg"):
            raise InputError(f'ImportanceWeighted got gradient={gradient!r}: give "standard" or "dreg".')
        self.gradient = gradient
        self.infer = Infer if gradient == "standard" else InferWeighed

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats."""
        del step
        log_weights = terms.log_weights if self.gradient == "standard" else self._doubly_reparameterised(terms)
        bound = tf.reduce_logsumexp(log_weights, axis=0) - math.log(self.samples)  # log 1/K sum_k w_k
        return {"loss": -bound, **self.measures(terms)}

    def _doubly_reparameterised(self, terms: Terms) -> tf.Tensor:
        """The log weights, float32 [K, B], with a gradient that reaches the posterior through the draws alone."""
        log_weights = terms.log_likelihood
        for latent in terms.latents:
            log_weights += latent.log_prior - latent.held.log_prob(latent.z)
        for latent in terms.latents:
            assert isinstance(latent, WeighedLatent)  # as `infer` says
            latent.weigh_gradient(tf.nn.softmax(log_weights, axis=0))  # v_k
        return log_weights

    def check_sites(self, sites: Sequence[Site]) -> None:
        """Refuses "dreg" for several stochastic layers, and as `check`."""
        if self.gradient == "dreg":
            check_is_one(self, sites)
        super().check_sites(sites)

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses draws without a gradient, and "dreg" on the sphere or if only the draws can be scored.

        Raises:
            InputError: saying why, and what would fit.
        """
        super().check(posterior, prior)
        if not posterior.is_reparameterised:
            raise InputError(
                f"ImportanceWeighted sends its gradient through the draws, and those of {type(posterior).__name__} are "
                f"whole numbers: use objectives.ELBO, and log_prob(x, samples=...) for the importance-weighted bound."
            )
        if self.gradient == "dreg" and not posterior.scores_any_code:
            raise InputError(
                f'gradient="dreg" needs log q(z|x) of a draw with its parameters held fixed, and '
                f"{type(posterior).__name__} has it only together with the draw: use gradient="
                f'"standard", or posteriors.DiagonalNormal.'
            )
        if self.gradient == "dreg" and isinstance(posterior.space, WholeNumbers):
            raise InputError(
                f'gradient="dreg" weighs draws, and those of {type(posterior).__name__} are one code: use '
                f'gradient="standard", or objectives.ELBO.'
            )
        if self.gradient == "dreg" and posterior.space_class is Sphere:
            raise InputError(
                f'gradient="dreg" is there for its low variance, and with {type(posterior).__name__} it has a higher '
                f'one than the standard gradient: use gradient="standard", or posteriors.DiagonalNormal.'
            )
