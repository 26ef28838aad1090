"""What every posterior is."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.bounds import bounded
from vae_tf.family import Family, Given, Parameters

LOG_VARIANCES = (-30.0, 20.0)  # what float32 and the next steps can bear


class Posterior(Family):
    """q(z|x): from the encoder's features to a distribution over codes.

    A posterior that is a product over the dimensions has `marginals(q)`, and one whose covariance has a closed form and
    can be the identity has `covariance(q)`; objectives ask for them.

    Args:
        latent_size: D, the number of latent dimensions.
        name: the layer's name.

    Attributes:
        has_density: whether q(z|x) has a density, without which there is no rate and no elbo.
        scores_any_code: whether log q(z|x) is cheap for every z, not only for the draws themselves.
    """

    has_density = True
    scores_any_code = True

    def parameters(self, given: Given) -> Parameters:
        """The parameters of q(z|x) for features [B, *] as the context, each float32 [B, *]."""
        raise NotImplementedError

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        raise NotImplementedError

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Reparameterised draws z ~ q(z|x), float32 [K, B, D], from standard normals [K, B, noise_size]."""
        raise NotImplementedError

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """The code that stands for x where one is shown or served, float32 [B, D]."""
        return q.mean()

    def stddev(self, q: tfd.Distribution) -> tf.Tensor | None:
        """The standard deviation of each dimension, float32 [B, D], or None if it has no closed form."""
        return q.stddev()

    def _linear(
        self, features_shape, name: str, size: int | None = None, start: str = "glorot_uniform"
    ) -> keras.layers.Dense:
        """A float32 linear layer from flattened features to `size` values (D if not given), built."""
        size = self.latent_size if size is None else size
        projection = keras.layers.Dense(size, kernel_initializer=start, dtype="float32", name=name)
        projection.build((None, flat_size(features_shape)))
        return projection


def bounded_log_scale(log_scale: tf.Tensor) -> tf.Tensor:
    """log scale with the log variance within `LOG_VARIANCES`, which are those of diffusers, too."""
    low, high = LOG_VARIANCES
    return bounded(log_scale, low / 2, high / 2)


def flat_size(features_shape) -> int:
    """The number of features of one example."""
    return int(tf.TensorShape(features_shape[1:]).num_elements())


def flat(features: tf.Tensor) -> tf.Tensor:
    """Features [B, *] as [B, F]."""
    return tf.reshape(features, [tf.shape(features)[0], flat_size(features.shape)])
