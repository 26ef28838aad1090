"""The joint posterior of several stochastic layers."""

from collections.abc import Sequence

import tensorflow as tf

from vae_tf.family import Encode
from vae_tf.latents.choosers import Represent, Score
from vae_tf.latents.ladder import Ladder


class Joint:
    """The joint posterior of a ladder: q(z|x) = q(z_1|x) prod_l q(z_l|z_<l, x).

    Args:
        ladder: the stochastic layers.
        features: the encoder's, one for each rung, [N, ...].
        encode: the model's own posterior.
    """

    def __init__(self, ladder: Ladder, features: Sequence[tf.Tensor], encode: Encode):
        self._ladder, self._features, self._encode = ladder, list(features), encode

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """log q(z|x), float32 [*], nats, of the codes of all rungs from the top down, flat, [*, D]."""
        score = Score(self._features, z, self._encode)
        self._ladder.walk(score)
        return score.log_posterior

    @property
    def codes(self) -> list[tf.Tensor]:
        """The code that stands for x on each rung, from the top down, float32 [N, D of the rung]."""
        represent = Represent(self._features, self._encode)
        self._ladder.walk(represent)
        return represent.codes
