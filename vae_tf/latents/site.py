"""Where on the walk a code is chosen, and what chooses it."""

from collections.abc import Iterable
from typing import Literal, Protocol

import tensorflow as tf

from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior

Shape = tuple[int | None, ...]  # of a batch


class Site(Protocol):
    """A stochastic layer."""

    posterior: Posterior
    prior: Prior

    def context(self, features: tf.Tensor, state: tf.Tensor | None) -> tf.Tensor:
        """What the posterior depends on, given what came down the walk."""


def kinds(sites: Iterable[Site], axis: Literal["posterior", "prior"]) -> str:
    """The names of the classes of the posteriors or priors, from the top down."""
    return ", ".join(type(getattr(site, axis)).__name__ for site in sites)


class Choose(Protocol):
    """A way to choose z at each site."""

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What z stands for, flat, float32 [*, B, V], given what came down the walk: z itself, or vectors of codes."""
