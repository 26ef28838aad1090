"""Where on the walk a code is chosen, and what chooses it."""

from typing import Protocol

import tensorflow as tf

from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior


class Site(Protocol):
    """A stochastic layer."""

    posterior: Posterior
    prior: Prior

    def context(self, features: tf.Tensor, state: tf.Tensor | None) -> tf.Tensor:
        """What the posterior depends on, given what came down the walk."""


class Choose(Protocol):
    """A way to choose z at each site."""

    def __call__(self, site: Site, state: tf.Tensor | None) -> tf.Tensor:
        """What z stands for, flat, float32 [*, B, V], given what came down the walk: z itself, or vectors of codes."""
