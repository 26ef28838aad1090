"""The uniform prior over discrete codes."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.discrete import Discrete
from vae_tf.errors import InputError
from vae_tf.family import Parameters
from vae_tf.posteriors import Posterior
from vae_tf.posteriors.relaxed_categorical import Categoricals
from vae_tf.priors.base import Prior
from vae_tf.sizes import size
from vae_tf.spaces import WholeNumbers


@keras.saving.register_keras_serializable("vae_tf")
class UniformCodes(Prior):
    """The uniform prior over discrete codes.

    log p(z) = -D log codes

    Source: van den Oord et al. (2017), "Neural discrete representation learning", section 3.1.

    Args:
        latent_size: D, the whole numbers of a code, or the shape of a grid of them, such as (7, 7).
        codes: how many different whole numbers there are.
        name: the layer's name.
    """

    is_learned = False
    is_reparameterised = False
    space_class = WholeNumbers

    def __init__(self, latent_size: int | Sequence[int], codes: int = 512, name: str | None = None):
        super().__init__(latent_size, name)
        self.codes = size("UniformCodes", "codes", codes, least=2)

    @property
    def space(self) -> WholeNumbers:
        """The grids of the whole numbers 0, ..., codes - 1."""
        return WholeNumbers(self._shape, self.codes)

    def build(self, examples_shape):
        """There is nothing to create."""
        self.built = True

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        del parameters
        return _Uniform(self.latent_size, self.codes)

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Whole numbers floor(codes Phi(noise)), float32 [B, D], from standard normals [B, D]."""
        del distribution
        share = tf.math.erfc(-noise / np.sqrt(2)) / 2  # Phi(noise)
        return tf.minimum(tf.floor(self.codes * share), self.codes - 1.0)

    def check(self, posterior: Posterior) -> None:
        """Refuses a posterior over other codes.

        Raises:
            InputError: saying why, and what would fit.
        """
        super().check(posterior)
        space = posterior.space
        if isinstance(space, WholeNumbers) and space.count != self.codes:
            raise InputError(
                f"{type(posterior).__name__} has {space.count:,} codes and UniformCodes has {self.codes:,}: make them "
                f"equal."
            )


class _Uniform(Discrete):
    """D independent whole numbers, each of them one of `codes` alike."""

    def __init__(self, latent_size: int, codes: int):
        self._latent_size, self._codes = latent_size, codes
        super().__init__({"latent_size": latent_size, "codes": codes}, "UniformCodes")

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _batch_shape(self):
        return tf.TensorShape([])

    def _batch_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _event_shape(self):
        return tf.TensorShape([self._latent_size])

    def _entropy(self):
        return tf.constant(self._latent_size * np.log(self._codes), tf.float32)

    def _log_prob(self, z):
        is_code = WholeNumbers((self._latent_size,), self._codes).accepts(z)
        return tf.where(is_code, np.float32(-self._latent_size * np.log(self._codes)), -np.inf)


@tfd.RegisterKL(Categoricals, _Uniform)
def _kl_divergence(q: Categoricals, p: _Uniform, name: str | None = None) -> tf.Tensor:
    """KL[q || p] = D log codes - H[q], float32 [B], nats."""
    del name
    return p.entropy() - q.entropy()
