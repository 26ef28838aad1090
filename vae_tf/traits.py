"""What a model says of its latents: how large they are, of what kind, and what can be asked of them."""

from collections.abc import Mapping

from vae_tf import conditions
from vae_tf.conditions import Condition
from vae_tf.family import Factorised
from vae_tf.kept import Kept
from vae_tf.latents import Flat, Ladder
from vae_tf.spaces import Real


class Traits(Kept):
    """What a model says of its latents, of whatever structure they are.

    Attributes:
        conditions: of the model, by name.
        latents: the stochastic layers.
        latent_size: D, all of a model's codes.
    """

    conditions: Mapping[str, Condition]
    latents: Flat | Ladder
    latent_size: int

    @property
    def noise_size(self) -> int:
        """The standard normals that a draw from the posterior needs, and log p(z) of it if that is an estimate."""
        return sum(site.posterior.noise_size + site.prior.bound_noise_size for site in self.latents.sites)

    @property
    def prior_noise_size(self) -> int:
        """The standard normals that a draw from the prior needs."""
        return sum(site.prior.noise_size for site in self.latents.sites)

    @property
    def has_density(self) -> bool:
        """Whether q(z|x) has a density, without which there is no rate, no elbo and no log p(x)."""
        return all(site.posterior.has_density for site in self.latents.sites)

    @property
    def scores_any_code(self) -> bool:
        """Whether log q(z|x) is there, and cheap, for every z, not only for the draws themselves."""
        return self.has_density and all(site.posterior.scores_any_code for site in self.latents.sites)

    @property
    def is_factorised(self) -> bool:
        """Whether posterior and prior are products over the dimensions, so that each has a rate of its own."""
        families = (family for site in self.latents.sites for family in (site.posterior, site.prior))
        return all(isinstance(family, Factorised) for family in families)

    @property
    def can_collapse(self) -> bool:
        """Whether a posterior can equal the prior: on the sphere, it is never so wide."""
        return all(isinstance(site.posterior.space, Real) for site in self.latents.sites)

    @property
    def has_dimensions(self) -> bool:
        """Whether a code is one layer of real numbers, each of which says something by itself.

        Whole numbers do not, nor do those below the top of a ladder, which vary with what is above them.
        """
        return len(self.latents.sites) == 1 and self.code_count is None

    @property
    def code_count(self) -> int | None:
        """How many different whole numbers each entry of a code can be; None if codes are real numbers."""
        counts = {site.posterior.space.count for site in self.latents.sites}
        return counts.pop() if len(counts) == 1 else None

    @property
    def encoder_conditions(self) -> tuple[str, ...]:
        """The names of the conditions that the encoder takes."""
        return conditions.names(self.encoder)

    @property
    def decoder_conditions(self) -> tuple[str, ...]:
        """The names of the conditions that the decoder takes."""
        return conditions.names(self.decoder)

    @property
    def prior_conditions(self) -> tuple[str, ...]:
        """The names of the conditions that the prior depends on."""
        return tuple(self.conditions) if self.latents.sites[0].prior.is_conditional else ()

    @property
    def generative_conditions(self) -> tuple[str, ...]:
        """The names of the conditions that p(x|condition) depends on: those of the prior and of the decoder."""
        return tuple(dict.fromkeys(self.prior_conditions + self.decoder_conditions))
