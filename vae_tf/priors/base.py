"""What every prior is."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Family, Given
from vae_tf.posteriors import Posterior


class Prior(Family):
    """p(z), or p(z|condition): a distribution over codes.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.

    Attributes:
        is_learned: whether p(z) has weights.
        is_reparameterised: whether a gradient reaches all of its weights through its draws.
        is_conditional: whether it depends on the condition. It is then built for contexts [B, C], else for examples.
        bound_noise_size: the standard normals that log p(z) of each code needs, if it is an estimate.
    """

    is_learned = True
    is_reparameterised = True
    is_conditional = False
    bound_noise_size: int = 0

    def distribution(self, parameters) -> tfd.Distribution:
        """p(z), with batch [], or [B] if it depends on the condition, and event [D]."""
        raise NotImplementedError

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Draws z ~ p(z), float32 [B, D], from standard normals [B, noise_size], row by row."""
        raise NotImplementedError

    def generate(self, given: Given, noise: tf.Tensor) -> tf.Tensor:
        """Draws z ~ p(z), float32 [B, D], from standard normals [B, noise_size], row by row."""
        return self.draw(self.distribution(self.parameters(given)), noise)

    def start_near(self, codes: np.ndarray) -> None:
        """Starts the weights near a distribution of codes, float32 [N, D]; if not said otherwise, as built."""
        del codes

    def check(self, posterior: Posterior) -> None:
        """Refuses a posterior whose codes are of another space.

        Raises:
            InputError: saying why, and what would fit.
        """
        if self.space_class is not posterior.space_class:
            raise InputError(
                f"The codes of {type(posterior).__name__} lie on {posterior.space.name}, where {type(self).__name__} "
                f"has no density: use {posterior.space.fitting}, or a posterior such as DiagonalNormal."
            )

    def check_conditions(self, encoder_conditions: Sequence[str], conditions: Sequence[str]) -> None:
        """Refuses a model without conditions for a prior that depends on one.

        Args:
            encoder_conditions: the names of those that the encoder takes.
            conditions: the names of all.

        Raises:
            InputError: saying why, and what would fit.
        """
        del encoder_conditions
        if self.is_conditional and not conditions:
            raise InputError(
                f"{type(self).__name__} depends on a condition, but neither network takes one: give the networks a "
                f'further input, such as conditions={{"label": networks.Label(10)}}, or use priors.StandardNormal.'
            )
