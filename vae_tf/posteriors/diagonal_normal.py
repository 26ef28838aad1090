"""The normal posterior with a diagonal covariance."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.posteriors.base import Parameters, Posterior, flat


@keras.saving.register_keras_serializable("vae_tf")
class DiagonalNormal(Posterior):
    """The normal posterior with a diagonal covariance.

    q(z|x) = N(z; loc(x), diag(scale(x)^2)),  loc = linear(features),  log scale^2 = linear(features)
    z = loc + scale * noise,  noise ~ N(0, I)

    Source: Kingma and Welling (2014), section 3 and appendix C.2.

    Args:
        latent_size: D, the number of latent dimensions.
        name: the layer's name.
    """

    is_normal = True
    is_factorised = True

    def build(self, features_shape):
        """Creates the two projections for features [B, *]."""
        self.loc = self._linear(features_shape, "loc")
        self.log_variance = self._linear(features_shape, "log_variance")
        self.built = True

    def parameters(self, features: tf.Tensor) -> Parameters:
        """`loc` and `scale`, each float32 [B, D], from features [B, *]."""
        features = flat(features)
        return {"loc": self.loc(features), "scale": tf.exp(self.log_variance(features) / 2)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        return tfd.Independent(tfd.Normal(**parameters), 1, name="DiagonalNormal")

    def draw(self, q: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = loc + scale * noise, float32 [K, B, D], from standard normals [K, B, D]."""
        return q.distribution.loc + q.distribution.scale * noise
