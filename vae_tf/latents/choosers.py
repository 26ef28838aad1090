"""The ways to choose z on the walk down the latents."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.family import Encode, Given, Parameters
from vae_tf.latents.latent import Latent
from vae_tf.latents.site import Site


class Infer:
    """z ~ q(z|x), as in training.

    Args:
        features: the encoder's, one for each site, [B, *].
        noise: standard normals [K, B, noise_size of each posterior and bound_noise_size of its prior].
        prior_noise: standard normals [B, all priors' noise_size], for objectives that draw from the prior.
        encode: the model's own posterior.
        training: whether the pass trains.

    Attributes:
        latents: what was met on the walk.
        latent_class: what is made of each.
    """

    latent_class: type[Latent] = Latent

    def __init__(
        self,
        features: Sequence[tf.Tensor],
        noise: tf.Tensor,
        prior_noise: tf.Tensor | None,
        encode: Encode | None,
        training: bool = False,
    ):
        self._features, self._noise, self._prior_noise = iter(features), _Split(noise), _Split(prior_noise)
        self._encode, self._training = encode, training
        self.latents: list[Latent] = []

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What a draw stands for, float32 [K, B, V]."""
        noise = self._noise.take(site.posterior.noise_size)
        bound_noise = self._noise.take(site.prior.bound_noise_size)
        above = Given(state, self._encode, noise=bound_noise, training=self._training)
        prior = _prior(site, above)
        with tf.name_scope("posterior/"):
            parameters = site.posterior.parameters(Given(site.context(next(self._features), state), prior=prior))
            q = site.posterior.distribution(parameters)  # q(z|x)
            z = site.posterior.draw(q, noise)  # z ~ q(z|x), [K, B, D]
        p = prior()  # p(z)
        prior_noise = self._prior_noise.take(site.prior.noise_size)
        draw_prior = lambda: site.prior.generate(above, prior_noise)  # noqa: E731
        self.latents.append(self.latent_class(z, q, p, site, parameters, draw_prior))
        return site.posterior.value(self.latents[-1].z, q, noise if self._training else None)


class Represent:
    """The code that stands for x.

    Args:
        features: the encoder's, one for each site, [B, *].
        encode: the model's own posterior.

    Attributes:
        parameters: those of the posteriors that were met.
        posteriors: q(z|x) of each site.
        codes: of each site, float32 [B, D].
    """

    def __init__(self, features: Sequence[tf.Tensor], encode: Encode | None = None):
        self._features, self._encode = iter(features), encode
        self.parameters: list[Parameters] = []
        self.posteriors: list[tfd.Distribution] = []
        self.codes: list[tf.Tensor] = []

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What the code stands for, float32 [B, V]."""
        with tf.name_scope("posterior/"):
            prior = _prior(site, Given(state, self._encode))
            given = Given(site.context(next(self._features), state), prior=prior)
            self.parameters.append(site.posterior.parameters(given))
            self.posteriors.append(site.posterior.distribution(self.parameters[-1]))
        self.codes.append(site.posterior.code(self.posteriors[-1]))
        return site.posterior.value(self.codes[-1])


class Generate:
    """z ~ p(z).

    Args:
        noise: standard normals [B, all priors' noise_size].
        encode: the model's own posterior.

    Attributes:
        codes: of each site, float32 [B, D].
    """

    def __init__(self, noise: tf.Tensor, encode: Encode | None):
        self._noise, self._encode = _Split(noise), encode
        self.codes: list[tf.Tensor] = []

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What a draw stands for, float32 [B, V]."""
        noise = self._noise.take(site.prior.noise_size)
        self.codes.append(site.prior.generate(Given(state, self._encode), noise))
        return site.posterior.value(self.codes[-1])


class Continue:
    """z as it is given at the first sites, z ~ p(z) at those below them.

    Args:
        z: the codes of all sites, flat, float32 [B, D].
        held: how many sites of each row have the codes that are given, int32 [B].
        noise: standard normals [B, all priors' noise_size].
        encode: the model's own posterior.

    Attributes:
        codes: of each site, float32 [B, D].
    """

    def __init__(self, z: tf.Tensor, held: tf.Tensor, noise: tf.Tensor, encode: Encode | None):
        self._z, self._held = _Split(z), held
        self._generate = Generate(noise, encode)
        self.codes: list[tf.Tensor] = []

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What the code of this site stands for, float32 [B, V]."""
        self._generate(site, state)
        is_held = self._held[:, None] > len(self.codes)
        self.codes.append(tf.where(is_held, self._z.take(site.posterior.latent_size), self._generate.codes[-1]))
        return site.posterior.value(self.codes[-1])


class Recall:
    """z as it is given.

    Args:
        z: the codes of all sites, flat, float32 [*, D].
    """

    def __init__(self, z: tf.Tensor):
        self._z = _Split(z)

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What the code of this site stands for, float32 [*, V]."""
        del state
        return site.posterior.value(self._z.take(site.posterior.latent_size))


class Score:
    """z as it is given, each scored by its own q(z|x).

    Args:
        features: the encoder's, one for each site, [B, *].
        z: the codes of all sites, flat, float32 [*, D].
        encode: the model's own posterior.

    Attributes:
        log_posterior: log q(z|x), float32 [*], nats.
    """

    def __init__(self, features: Sequence[tf.Tensor], z: tf.Tensor, encode: Encode | None = None):
        self._represent, self._z = Represent(features, encode), _Split(z)
        self.log_posterior: tf.Tensor | float = 0.0

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What the code of this site stands for, float32 [*, V]."""
        self._represent(site, state)
        z = self._z.take(site.posterior.latent_size)
        self.log_posterior += self._represent.posteriors[-1].log_prob(z)
        return site.posterior.value(z)


def _prior(site: Site, above: Given) -> Callable[[], tfd.Distribution]:
    """p(z) of a site, made when it is asked for, once."""

    @functools.cache
    def prior() -> tfd.Distribution:
        with tf.name_scope("prior/"):
            return site.prior.distribution(site.prior.parameters(above))

    return prior


class _Split:
    """Numbers [*, N] that several sites take their share of, one after the other."""

    def __init__(self, values: tf.Tensor | None):
        self._values, self._taken = values, 0

    def take(self, count: int) -> tf.Tensor | None:
        if self._values is None:
            return None
        if not self._taken and self._values.shape[-1] == count:
            return self._values
        share = self._values[..., self._taken : self._taken + count]
        self._taken += count
        return share
