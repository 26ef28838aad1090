"""One stochastic layer: what `VAE(posterior=, prior=)` makes."""

import tensorflow as tf

from vae_tf.latents.site import Choose, Site
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior


class Flat:
    """One stochastic layer.

    Args:
        posterior: q(z|x).
        prior: p(z), or p(z|condition).

    Attributes:
        sites: where codes are chosen, from the top down.
    """

    def __init__(self, posterior: Posterior, prior: Prior):
        self.posterior, self.prior = posterior, prior
        self.sites: tuple[Site, ...] = (self,)

    def walk(self, choose: Choose, condition: tf.Tensor | None = None) -> tf.Tensor:
        """What the decoder takes, when each z is chosen so.

        Args:
            choose: one of the five ways.
            condition: the condition that priors depend on, float32 [B, C].
        """
        return choose(self, condition)
