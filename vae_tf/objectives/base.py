"""What every objective is, and the values that most of them share."""

import abc
import numbers
from collections.abc import Mapping, Sequence

import tensorflow as tf

from vae_tf import divergence, schedules
from vae_tf.divergence import KL
from vae_tf.errors import InputError
from vae_tf.latents import Infer
from vae_tf.latents.site import Site
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.settled import Settled
from vae_tf.sizes import size
from vae_tf.terms import Terms

Values = dict[str, tf.Tensor]


class Objective(Settled):
    """What is minimised: a function of one pass's terms and the optimizer's step.

    Args:
        samples: K, the draws of z for each example.

    Attributes:
        directions: the logged values, each with the way it should go ("up", "down" or None); the order is that
            of the logs.
        settings: those of the logged values that are not measured, such as beta.
        infer: how the pass that it takes the terms of chooses z.
    """

    directions: Mapping[str, str | None]
    settings: tuple[str, ...] = ()
    infer: type[Infer] = Infer

    def __init__(self, samples: int = 1):
        self.samples = size(type(self).__name__, "samples", samples)

    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """The values named in `directions`, each float32 [B] (per example, nats) or a scalar setting."""
        raise NotImplementedError

    def for_examples(self, examples: int | None) -> "Objective":
        """This objective for a data set of N examples, where it needs to know."""
        del examples
        return self

    def check_sites(self, sites: Sequence[Site]) -> None:
        """Refuses stochastic layers that this objective has no meaning for; see `check`."""
        for site in sites:
            self.check(site.posterior, site.prior)

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses a posterior or a prior that this objective has no meaning for.

        Raises:
            InputError: saying why, and what would fit.
        """
        del posterior, prior


class Bound(Objective, abc.ABC):
    """An objective with a rate and an elbo.

    Args:
        kl: "analytic", in closed form where it is known (else by Monte Carlo, and the log says so), or
            "monte_carlo", the mean of log q(z|x) - log p(z) over the draws.
        samples: K, the draws of z for each example.
    """

    directions: Mapping[str, str | None] = {"loss": "down", "elbo": "up", "rate": None, "distortion": "down"}

    def __init__(self, kl: KL = "analytic", samples: int = 1):
        super().__init__(samples)
        if kl not in ("analytic", "monte_carlo"):
            raise InputError(f'{type(self).__name__} got kl={kl!r}: give "analytic" or "monte_carlo".')
        self.kl = kl

    def check(self, posterior: Posterior, prior: Prior) -> None:
        """Refuses a posterior without a density.

        Raises:
            InputError: saying why, and what would fit.
        """
        del prior
        if not posterior.has_density:
            raise InputError(
                f"{type(posterior).__name__} has no density, so {type(self).__name__} has no rate: use "
                f"objectives.Reconstruction(), or a posterior such as DiagonalNormal."
            )

    @abc.abstractmethod
    def __call__(self, terms: Terms, step: tf.Tensor) -> Values:
        """`loss`, `elbo`, `rate` and `distortion`, each float32 [B], nats, and what is its own."""

    def measures(self, terms: Terms) -> Values:
        """`elbo`, `rate` and `distortion`, each float32 [B], nats."""
        rate = divergence.rate(terms.latents, self.kl)  # KL[ q(z|x) || p(z) ]
        return {"elbo": -(terms.distortion + rate), "rate": rate, "distortion": terms.distortion}


def check_is_one(objective: Objective, sites: Sequence[Site]) -> None:
    """Refuses several stochastic layers.

    Raises:
        InputError: saying what would fit.
    """
    if len(sites) > 1:
        raise InputError(
            f"{type(objective).__name__} is of one stochastic layer, and the ladder has {len(sites)}: use "
            f"objectives.ELBO, FreeBits or ImportanceWeighted."
        )


class OfOneLayer(Bound, abc.ABC):
    """An objective with a meaning for one stochastic layer alone."""

    def check_sites(self, sites: Sequence[Site]) -> None:
        """Refuses several stochastic layers, and as `check`."""
        check_is_one(self, sites)
        super().check_sites(sites)


def check_number(objective: Objective, name: str, value) -> None:
    """Refuses a weight that is no number of at least 0.

    Raises:
        InputError: naming the argument.
    """
    if not _is_weight(value):
        raise InputError(f"{type(objective).__name__} got {name}={value!r}: give a number of at least 0.")


def check_weight(objective: Objective, name: str, value) -> None:
    """Refuses a weight that is neither a number of at least 0 nor a schedule.

    Raises:
        InputError: naming the argument.
    """
    if not isinstance(value, schedules.Schedule) and not _is_weight(value):
        raise InputError(
            f"{type(objective).__name__} got {name}={value!r}: give a number of at least 0, or a schedule."
        )


def _is_weight(value) -> bool:
    return isinstance(value, numbers.Real) and float(value) >= 0
