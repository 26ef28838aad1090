"""The normal prior that depends on the condition."""

import keras
import tensorflow as tf

from vae_tf.family import Given, Parameters
from vae_tf.normals import DiagonalNormals
from vae_tf.posteriors.base import bounded_log_scale
from vae_tf.priors.base import Prior


@keras.saving.register_keras_serializable("vae_tf")
class ConditionalNormal(DiagonalNormals, Prior):
    """The normal prior that depends on the condition, with a diagonal covariance.

    p(z|c) = N(z; loc(c), diag(scale(c)^2)),  loc = linear(c),  log scale = linear(c)

    c is the condition as numbers: of a label the row of the identity, so that each label learns a mean and a scale of
    its own, and a vector as it is. It starts as N(0, I) for every c. log scale^2 is held within [-30, 20].

    Source: Sohn et al. (2015), section 4, where the prior depends on the condition.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.
    """

    is_conditional = True

    def build(self, context_shape):
        """Creates the two projections for contexts [B, C]."""
        self.loc = self._linear(context_shape, "loc", start="zeros")
        self.log_scale = self._linear(context_shape, "log_scale", start="zeros")
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc` and `scale`, each float32 [*, D], for a context [*, C]."""
        scale = tf.exp(bounded_log_scale(self._values(self.log_scale, given.context)))
        return {"loc": self._values(self.loc, given.context), "scale": scale}
