"""The normal posterior with a diagonal covariance."""

from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Given, Parameters
from vae_tf.normals import DiagonalNormals
from vae_tf.posteriors.base import Posterior, bounded_log_scale


@keras.saving.register_keras_serializable("vae_tf")
class DiagonalNormal(DiagonalNormals, Posterior):
    """The normal posterior with a diagonal covariance.

    q(z|x) = N(z; loc(x), diag(scale(x)^2)),  loc = linear(features),  log scale^2 or log scale = linear(features)
    z = loc + scale * noise,  noise ~ N(0, I)

    log scale^2 is held within [-30, 20], so that data which the encoder gets raw does not overflow.

    Source: Kingma and Welling (2014), section 3 and appendix C.2; "log_scale": Burda et al. (2016), appendix C.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        spread: what the second projection gives, "log_variance" or "log_scale"; the two differ in how they start and
            in how fast they learn.
        name: the layer's name.

    Raises:
        InputError: for another spread.
    """

    def __init__(
        self,
        latent_size: int | Sequence[int],
        spread: Literal["log_variance", "log_scale"] = "log_variance",
        name: str | None = None,
    ):
        super().__init__(latent_size, name)
        if spread not in ("log_variance", "log_scale"):
            raise InputError(f'DiagonalNormal got spread={spread!r}: give "log_variance" or "log_scale".')
        self.spread = spread

    def build(self, features_shape):
        """Creates the two projections for features [B, *]."""
        self.loc = self._linear(features_shape, "loc")
        if self.spread == "log_variance":
            self.log_variance = self._linear(features_shape, "log_variance")
        else:
            self.log_scale = self._linear(features_shape, "log_scale")
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc` and `scale`, each float32 [B, D], for features [B, *]."""
        if self.spread == "log_variance":
            log_scale = self._values(self.log_variance, given.context) / 2
        else:
            log_scale = self._values(self.log_scale, given.context)
        return {"loc": self._values(self.loc, given.context), "scale": tf.exp(bounded_log_scale(log_scale))}

    def covariance(self, q: tfd.Distribution) -> tf.Tensor:
        """diag(scale^2), float32 [B, D, D]."""
        return tf.linalg.diag(q.variance())
