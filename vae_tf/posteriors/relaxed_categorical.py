"""The categorical posterior that is relaxed while it trains."""

import math
import numbers
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd
from tensorflow_probability import util as tfp_util

from vae_tf import random, schedules
from vae_tf.discrete import Discrete
from vae_tf.errors import InputError
from vae_tf.family import Given, Parameters
from vae_tf.posteriors.discrete_codes import DiscreteCodes, looked_up
from vae_tf.sizes import size
from vae_tf.spaces import WholeNumbers


@keras.saving.register_keras_serializable("vae_tf")
class RelaxedCategorical(DiscreteCodes):
    """The categorical posterior: a distribution over the codes at each place, relaxed while it trains.

    q(z|x) = prod_i softmax(logits_i(x))[z_i],  logits(x) = linear(features)
    z_i = argmax(logits_i + gumbel_i),  gumbel = -log(-log Phi(noise)),  noise ~ N(0, I)

    The decoder takes `codebook[z_i]` for each place, a vector that is learned by the gradient. No gradient passes an
    argmax, so in a pass that trains it takes a mixture of the vectors in its place, nearer to one of them the lower the
    temperature is:

    softmax((logits_i + gumbel_i) / temperature) codebook

    The rate is that of the categorical distribution, so the loss of a training pass, and the elbo logged with it, are
    no bound on log p(x): the relaxed vectors can tell the decoder more than the codes. All else takes codes, so the
    elbo of `evaluate` and of the validation data is one. The most probable code stands for x.

    Source: Jang et al. (2017), "Categorical reparameterization with Gumbel-softmax", section 2; Maddison et al. (2017),
    appendix C.2, on the loss; Ramesh et al. (2021), "Zero-shot text-to-image generation", section 2.1.

    Args:
        latent_size: D, the whole numbers of a code, or the shape of a grid of them, such as (7, 7).
        codes: how many different whole numbers there are.
        width: of their vectors.
        temperature: a number above 0, or a schedule of the steps that this posterior has trained.
        name: the layer's name.

    Raises:
        InputError: for other sizes, or a temperature that is 0 or below, or falls so low.
    """

    is_reparameterised = False

    def __init__(
        self,
        latent_size: int | Sequence[int],
        codes: int = 512,
        width: int = 64,
        temperature: float | schedules.Schedule = 1.0,
        name: str | None = None,
    ):
        super().__init__(latent_size, codes, size("RelaxedCategorical", "width", width), name)
        _check_temperature(temperature)
        self.temperature = temperature
        self.noise_size = self.latent_size * self.codes

    def build(self, features_shape):
        """Creates the projection for features [B, *], the vectors, and the count of the steps."""
        self.logits = self._linear(features_shape, "logits", (*self._shape, self.codes))
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.codebook = self.add_weight(name="codebook", shape=(self.codes, self.width), initializer=start)
        once = {"dtype": "int64", "initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        self.steps = self.add_weight(name="steps", shape=(), **once)
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`logits`, float32 [*, D, codes], for features [*, ...]."""
        values = self._values(self.logits, given.context, (*self._shape, self.codes))
        return {"logits": self._by_code(values)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [*] and event [D]."""
        return Categoricals(parameters["logits"])

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """z = argmax(logits + gumbel), float32 [*, D], from standard normals [*, D codes]."""
        return _largest(distribution.logits + random.gumbel(self._by_code(noise)))

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """The most probable code, float32 [B, D]."""
        return q.mode()

    def vector(self, z: tf.Tensor) -> tf.Tensor:
        """The vector of each whole number, float32 [*, D, width]."""
        return looked_up(self.codebook.value, z)

    def value(self, z: tf.Tensor, q: tfd.Distribution | None = None, noise: tf.Tensor | None = None) -> tf.Tensor:
        """The vectors of codes [*, D], flat, float32 [*, D width]; in a pass that trains, mixtures of vectors."""
        if q is None or noise is None:
            return self._flat_vectors(self.vector(z))
        temperature = schedules.at(self.temperature, self.steps.value)
        shares = tf.nn.softmax((q.logits + random.gumbel(self._by_code(noise))) / temperature)
        return self._flat_vectors(tf.tensordot(shares, self.codebook.value, axes=1))

    def learn(self, q: tfd.Distribution) -> None:
        """Counts a training step."""
        del q
        self.steps.assign_add(1)

    def _by_code(self, values: tf.Tensor) -> tf.Tensor:
        """Values [*, D codes] as [*, D, codes]."""
        return tf.reshape(values, tf.concat([tf.shape(values)[:-1], [self.latent_size, self.codes]], axis=0))


class Categoricals(Discrete):
    """Independent whole numbers, each from a categorical distribution.

    Args:
        logits: of the codes 0, ..., codes - 1 at each place, float32 [*, D, codes].
        name: of its operations.
    """

    def __init__(self, logits: tf.Tensor, name: str = "RelaxedCategorical"):
        self.logits = logits
        super().__init__({"logits": logits, "name": name}, name)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {"logits": tfp_util.ParameterProperties(event_ndims=2)}

    def _event_shape(self):
        return self.logits.shape[-2:-1]

    def _log_prob(self, z):
        size, codes = self.logits.shape[-2:]
        is_code = WholeNumbers((size,), codes).accepts(z)
        number = tf.cast(tf.where(is_code[..., None], z, 0.0), tf.int64)
        places = tf.reshape(tf.range(tf.size(self.logits) // codes, dtype=tf.int64), tf.shape(self.logits)[:-1])
        # looked up one by one, as memory for all codes of each z would not do
        all_of_them = tf.reshape(tf.nn.log_softmax(self.logits), [-1])
        log_probs = tf.gather_nd(all_of_them, (places * codes + number)[..., None])
        return tf.where(is_code, tf.reduce_sum(log_probs, axis=-1), -np.inf)

    def _entropy(self):
        log_probs = tf.nn.log_softmax(self.logits)
        return -tf.reduce_sum(tf.exp(log_probs) * log_probs, axis=[-2, -1])

    def _mode(self):
        return _largest(self.logits)


def _largest(values: tf.Tensor) -> tf.Tensor:
    """The number of the largest of the codes' values, float32 [*], of values [*, codes]."""
    return tf.cast(tf.argmax(values, axis=-1, output_type=tf.int32), tf.float32)


def _check_temperature(value) -> None:
    is_schedule = isinstance(value, schedules.Schedule)
    least = value.least if is_schedule else value
    if is_schedule and least is None:  # a user's own, which does not say
        return
    if not (isinstance(least, numbers.Real) and 0 < float(least) < math.inf):
        given = f"a schedule that falls to {least!r}" if is_schedule else repr(value)
        raise InputError(
            f"RelaxedCategorical got temperature={given}: give a number above 0, or a schedule that stays above it, "
            f"such as schedules.Linear(1.0, 0.1)."
        )
