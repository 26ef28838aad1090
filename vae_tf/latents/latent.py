"""What a pass says of one stochastic layer."""

import functools
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Factorised, Parameters, WithCovariance
from vae_tf.latents.site import Site


class Latent:
    """One stochastic layer: its posterior, its prior, and draws from the posterior.

    What only some objectives need is computed when it is asked for.

    Attributes:
        z: draws from the posterior, float32 [K, B, D].
        posterior: q(z|x), batch [B], event [D].
        prior: p(z), batch [] or [B], event [D].
    """

    def __init__(
        self,
        z: tf.Tensor,
        posterior: tfd.Distribution,
        prior: tfd.Distribution,
        site: Site | None = None,
        parameters: Parameters | None = None,
        draw_prior: Callable[[], tf.Tensor] | None = None,
    ):
        self.z, self.posterior, self.prior = self._sent(z), posterior, prior
        self._site, self._parameters, self._draw_prior = site, parameters, draw_prior

    def _sent(self, z: tf.Tensor) -> tf.Tensor:
        """The draws as the rest of the pass takes them."""
        return z

    @functools.cached_property
    def log_prior(self) -> tf.Tensor:
        """log p(z) of the draws, float32 [K, B], nats."""
        return self.prior.log_prob(self.z)

    @functools.cached_property
    def held(self) -> tfd.Distribution:
        """q(z|x) with parameters that are constants to the gradient."""
        assert self._site is not None  # in a pass
        return self._site.posterior.distribution(tf.nest.map_structure(tf.stop_gradient, self._parameters))

    @functools.cached_property
    def prior_draw(self) -> tf.Tensor:
        """A draw from the prior for each example, float32 [B, D]."""
        assert self._draw_prior is not None  # in a pass
        return self._draw_prior()

    @property
    def penalty(self) -> tf.Tensor | None:
        """What training adds to the loss of each example besides the objective, float32 [B], if anything."""
        assert self._site is not None
        return self._site.posterior.penalty(self.posterior)

    def learn(self) -> None:
        """Takes in the posterior of a training step, for weights that no gradient reaches, unless it is frozen."""
        assert self._site is not None
        if self._site.posterior.trainable:
            self._site.posterior.learn(self.posterior)

    @property
    def marginals(self) -> tfd.Distribution:
        """q(z_d|x) of each dimension, batch [B, D]."""
        assert self._site is not None
        assert isinstance(self._site.posterior, Factorised)  # as an objective checks
        return self._site.posterior.marginals(self.posterior)

    @property
    def prior_marginals(self) -> tfd.Distribution:
        """p(z_d) of each dimension, batch [D] or [B, D]."""
        assert self._site is not None
        assert isinstance(self._site.prior, Factorised)
        return self._site.prior.marginals(self.prior)

    @property
    def rates(self) -> tf.Tensor:
        """KL[ q(z_d|x) || p(z_d) ] of each dimension, float32 [B, D], nats; below the top, the mean over the draws."""
        rates = self.marginals.kl_divergence(self.prior_marginals)
        return rates if rates.shape.rank == 2 else tf.reduce_mean(rates, axis=0)

    @property
    def covariance(self) -> tf.Tensor:
        """The covariance of q(z|x), float32 [B, D, D]."""
        assert self._site is not None
        assert isinstance(self._site.posterior, WithCovariance)
        return self._site.posterior.covariance(self.posterior)
