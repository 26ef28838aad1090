"""The prior that is itself a variational autoencoder, of the codes."""

import math
from typing import TYPE_CHECKING

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Given
from vae_tf.likelihoods import Normal
from vae_tf.posteriors import Posterior
from vae_tf.priors.base import Prior

if TYPE_CHECKING:
    from vae_tf import VAE


@keras.saving.register_keras_serializable("vae_tf")
class Hierarchical(Prior):
    """The prior that is itself a variational autoencoder, of the codes: a second stochastic layer.

    p(z) = E_p(z2)[ p(z|z2) ]

    p(z) has no closed form. What stands for log p(z) is the logarithm of one importance weight,

    log p(z|z2) + log p(z2) - log q(z2|z),  z2 ~ q(z2|z)

    whose expectation is at most log p(z), and that of its exponential is p(z). So an elbo with it is a lower bound on
    log p(x), and an importance weight of x with it is one of both layers: log p(x) is estimated as rightly as with
    other priors. A rate with it is at least KL[ q(z|x) || p(z) ], in expectation.

    What the inner model's objective and seed are has no meaning here: the outer model's train both.

    Source: Burda et al. (2016), "Importance weighted autoencoders", section 5, the models of two stochastic layers.

    Args:
        inner: a model of codes [B, D], or of grids of them, whose likelihood p(z|z2) is a `likelihoods.Normal`. Its
            posterior q(z2|z) and its prior p(z2) are any that have a density; p(z2) may be Hierarchical too.
        name: the layer's name.

    Raises:
        InputError: for what is no VAE, another likelihood, conditions, or a posterior that has no density or that
            learns by other means than gradients.
    """

    is_reparameterised = False  # draws do not reach q(z2|z)

    def __init__(self, inner: "VAE", name: str | None = None):
        _check(inner)
        super().__init__(inner.event_shape, name)
        self.inner = inner
        self.noise_size = inner.prior_noise_size + self.latent_size
        self.bound_noise_size = inner.noise_size

    def build(self, examples_shape):
        """There is nothing to create: the inner model is built."""
        self.built = True

    def parameters(self, given: Given) -> dict:
        """`noise`, standard normals [*, bound_noise_size], and `training`, as they are given."""
        return {"noise": given.noise, "training": given.training}

    def distribution(self, parameters: dict) -> tfd.Distribution:
        """p(z) with event [D], whose `log_prob` of z [*, D] is the logarithm of one importance weight, float32 [*]."""
        return _OneWeight(self.inner, parameters["noise"], parameters["training"])

    def generate(self, given: Given, noise: tf.Tensor) -> tf.Tensor:
        """Draws, float32 [B, D], from standard normals [B, noise_size]: z2 ~ p(z2) of the first, z ~ p(z|z2)."""
        del given
        z2 = self.inner.from_noise(noise[:, : self.inner.prior_noise_size])  # z2 ~ p(z2)
        p = self.inner.decode(z2).distribution  # p(z|z2)
        flat = lambda values: tf.reshape(values, [-1, self.latent_size])  # noqa: E731
        return flat(p.loc) + flat(p.scale) * noise[:, self.inner.prior_noise_size :]  # z ~ p(z|z2)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"inner": keras.saving.serialize_keras_object(self.inner), "name": self.name}


class _OneWeight(tfd.Distribution):
    """p(z) as one importance weight says it, with batch [*], event [D].

    Args:
        inner: the model of codes.
        noise: of the draw z2 ~ q(z2|z), standard normals [*, noise_size].
        training: whether the networks train.
    """

    def __init__(self, inner: "VAE", noise: tf.Tensor | None, training: bool):
        self._inner, self._noise, self._training = inner, noise, training
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters={"noise": noise, "training": training},
            name="Hierarchical",
        )

    def _event_shape(self):
        return tf.TensorShape([math.prod(self._inner.event_shape)])

    def _event_shape_tensor(self):
        return tf.constant([math.prod(self._inner.event_shape)])

    def _batch_shape(self):
        return tf.TensorShape([]) if self._noise is None else self._noise.shape[:-1]

    def _batch_shape_tensor(self):
        return tf.constant([], tf.int32) if self._noise is None else tf.shape(self._noise)[:-1]

    def _log_prob(self, z):
        if self._noise is None:
            raise InputError(
                "log p(z) of a Hierarchical prior is an estimate of one draw z2 ~ q(z2|z), and no noise was given: "
                "give Given(noise=...), standard normals of bound_noise_size for each code."
            )
        lead = tf.shape(z)[:-1]
        rows = tf.reshape(z, [-1, *self._inner.event_shape])
        noise = tf.reshape(self._noise, [1, tf.shape(rows)[0], self._inner.noise_size])
        log_weights = self._inner.terms(rows, noise, self._training).log_weights  # [1, rows]
        return tf.reshape(log_weights, lead)


def _check(inner: "VAE") -> None:
    """Refuses an inner model that cannot be a prior.

    Raises:
        InputError: saying why, and what would fit.
    """
    from vae_tf import VAE  # noqa: PLC0415  (a model has priors)

    if not isinstance(inner, VAE):
        given = f"the class {inner.__name__}" if isinstance(inner, type) else type(inner).__name__
        raise InputError(
            f"Hierarchical got {given}: give a VAE of the codes, such as VAE(*networks.mlp((16,), latent_size=8), "
            f'likelihood=likelihoods.Normal((16,), scale="predicted")).'
        )
    if not isinstance(inner.likelihood, Normal):
        raise InputError(
            f"The inner model of Hierarchical has the likelihood {type(inner.likelihood).__name__}, of which no draw "
            f"z ~ p(z|z2) is made from standard normals: use likelihoods.Normal({inner.event_shape})."
        )
    if inner.conditions:
        raise InputError(
            f"The inner model of Hierarchical takes {', '.join(inner.conditions)}, and a prior gives it codes alone: "
            f"leave the conditions out of its networks."
        )
    for site in inner.latents.sites:
        kind = type(site.posterior)
        if not kind.has_density:
            raise InputError(
                f"The inner model of Hierarchical has the posterior {kind.__name__}, which has no density, so log p(z) "
                f"cannot be estimated by it: use posteriors.DiagonalNormal."
            )
        trains_otherwise = kind.learn is not Posterior.learn or kind.penalty is not Posterior.penalty
        if trains_otherwise or not kind.is_reparameterised:
            raise InputError(
                f"The inner model of Hierarchical has the posterior {kind.__name__}, which trains by other means than "
                f"the gradient of log p(z): use posteriors.DiagonalNormal, or FiniteScalarQuantized for discrete codes."
            )
