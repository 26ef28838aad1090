"""One stochastic layer: what `VAE(posterior=, prior=)` makes."""

from collections.abc import Sequence

import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.latents.site import Choose, Shape, Site
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior


class Flat:
    """One stochastic layer. Its posterior and its prior are the model's own layers.

    Args:
        posterior: q(z|x).
        prior: p(z), or p(z|condition).

    Attributes:
        sites: where codes are chosen, from the top down.
    """

    def __init__(self, posterior: Posterior, prior: Prior):
        self.posterior, self.prior = posterior, prior
        self.sites: tuple[Site, ...] = (self,)

    def build(self, features_shapes: Sequence[Shape], prior_shape: Shape) -> None:
        """Builds the posterior for features and the prior for its shape, if that is not done."""
        for family, shape in ((self.posterior, features_shapes[0]), (self.prior, prior_shape)):
            if not family.built:  # in a loaded model, Keras has built it
                family.build(shape)

    def settle(self) -> None:
        """Settles posterior and prior."""
        self.posterior.settle()
        self.prior.settle()

    def check(self, decoder_shape: tuple[int, ...]) -> None:
        """Refuses a posterior, a prior and a decoder that are of different codes.

        Raises:
            InputError: naming all three.
        """
        shape = self.posterior.space.shape
        if shape != self.prior.space.shape or self.posterior.value_shape != decoder_shape:
            sizes = {
                "the posterior": shape,
                "the prior": self.prior.space.shape,
                "the decoder's input": decoder_shape,
            }
            named = ", ".join(f"{name} has {size[0] if len(size) == 1 else size}" for name, size in sizes.items())
            wanted = "make them equal"
            if self.posterior.value_shape != shape:
                wanted = f"the decoder of such codes takes {self.posterior.value_shape}"
            raise InputError(f"The latent sizes do not meet: {named}; {wanted}.")
        self.prior.check(self.posterior)
        self.posterior.check_alone()

    def context(self, features: tf.Tensor, state: tf.Tensor | None) -> tf.Tensor:
        """The features alone."""
        del state
        return features

    def walk(self, choose: Choose, condition: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """What the decoder takes, flat, [*, D], if each z is chosen so.

        Args:
            choose: one of the ways in `choosers`.
            condition: the condition that the prior depends on, float32 [B, C].
            training: nothing depends on it.
        """
        del training
        return choose(self, condition)
