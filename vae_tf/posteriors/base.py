"""What every posterior is."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.bounds import bounded
from vae_tf.settled import Settled
from vae_tf.sizes import size

Parameters = dict[str, tf.Tensor]

LOG_VARIANCES = (-30.0, 20.0)  # what float32 and the next steps can bear


class Posterior(Settled, keras.layers.Layer):
    """q(z|x): from the encoder's features to a distribution over codes.

    `parameters` and `distribution` are apart so that an objective can stop gradients through the parameters.
    All that it computes is float32, whatever the networks' precision.

    Args:
        latent_size: D, the number of latent dimensions.
        name: the layer's name.

    Attributes:
        noise_size: the standard normals that `draw` needs for each draw.
        has_density: whether q(z|x) has a density, without which there is no rate and no elbo.
        scores_any_code: whether log q(z|x) is cheap for every z, not only for the draws themselves.
        is_normal: whether q(z|x) is a normal distribution, with a mean and a covariance in closed form.
        is_factorised: whether q(z|x) is a product over the dimensions.
        is_spherical: whether the codes lie on the unit sphere.
    """

    has_density = True
    scores_any_code = True
    is_normal = False
    is_factorised = False
    is_spherical = False

    def __init__(self, latent_size: int, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.latent_size: int = size(type(self).__name__, "latent_size", latent_size)
        self.noise_size: int = self.latent_size

    def parameters(self, features: tf.Tensor) -> Parameters:
        """The parameters of q(z|x) from features [B, *], each float32 [B, *]."""
        raise NotImplementedError

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        raise NotImplementedError

    def draw(self, q: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Reparameterised draws z ~ q(z|x), float32 [K, B, D], from standard normals [K, B, noise_size]."""
        raise NotImplementedError

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """The code that stands for x where one is shown or served, float32 [B, D]."""
        return q.mean()

    def stddev(self, q: tfd.Distribution) -> tf.Tensor | None:
        """The standard deviation of each dimension, float32 [B, D], or None where it has no closed form."""
        return q.stddev()

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """The codes nearest to z [*, D] among those that q(z|x) can give, float32 [*, D]."""
        return z

    @property
    def output_shape(self) -> tuple:
        """The shape of a batch of codes, which `summary()` shows."""
        return (None, self.latent_size)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"latent_size": self.latent_size, "name": self.name}

    def _linear(
        self, features_shape, name: str, size: int | None = None, start: str = "glorot_uniform"
    ) -> keras.layers.Dense:
        """A float32 linear layer from flattened features to `size` values (D where not given), built."""
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
