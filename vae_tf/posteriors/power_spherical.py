"""The power spherical posterior."""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.bounds import bounded
from vae_tf.errors import InputError
from vae_tf.family import Given, Parameters
from vae_tf.posteriors.base import Posterior
from vae_tf.spaces import Sphere

# Where the distribution function of the angle is tabulated, in standard deviations of its logit.
TABLE = np.linspace(-8, 16, 241, dtype=np.float32)
SMALLEST = 1e-20
LARGEST_CONCENTRATION = 1e10  # there, codes are 1e-5 apart, and float32 rounds them to 1e-7
FAR = 6  # from where on the series of a ratio of gamma functions is exact to float32


@keras.saving.register_keras_serializable("vae_tf")
class PowerSpherical(Posterior):
    """The power spherical posterior: codes on the unit sphere, around a direction.

    q(z|x) ~ (1 + loc(x)^T z)^concentration(x),  |z| = 1
    loc = linear(features) / |linear(features)|,  concentration = softplus(linear(features)) + 1, at most 1e10
    KL[q || uniform] = sum_k log(1 + concentration / (b + k)) - concentration / (b + concentration + k)
    over k = 0, ..., b - 1 with b = (D - 1)/2, where b is whole; see `_PowerSpherical` for the others

    z = t loc + sqrt(1 - t^2) v, where (1 + t) / 2 ~ Beta((D - 1)/2 + concentration, (D - 1)/2), and v is uniform over
    the directions at a right angle to loc. t is read from its tabulated distribution function, whose gradient in the
    concentration is that of the exact one to the width of the table.

    Source: De Cao and Aziz (2020), section 3; as the posterior in place of von Mises-Fisher: Davidson et al. (2018).

    Args:
        latent_size: D, the number of latent dimensions, at least 2, or the shape of a grid of them.
        name: the layer's name.

    Raises:
        InputError: for fewer than 2 dimensions.
    """

    space_class = Sphere

    def __init__(self, latent_size: int | Sequence[int], name: str | None = None):
        super().__init__(latent_size, name=name)
        if self.latent_size < 2:
            raise InputError(f"PowerSpherical got latent_size={latent_size}: a sphere needs at least 2 dimensions.")

    def build(self, features_shape):
        """Creates the two projections for features [B, *]."""
        self.loc = self._linear(features_shape, "loc", self.latent_size)
        self.concentration = self._linear(features_shape, "concentration", 1)
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc`, float32 [B, D], of length 1, and `concentration`, float32 [B], for features [B, *]."""
        features = self._flat(given.context)
        loc = tf.math.l2_normalize(self.loc(features), axis=-1)
        concentration = tf.nn.softplus(self.concentration(features)[..., 0]) + 1
        return {"loc": loc, "concentration": bounded(concentration, 1, LARGEST_CONCENTRATION)}

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        return _PowerSpherical(parameters["loc"], parameters["concentration"])

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Draws, float32 [K, B, D], from standard normals [K, B, D]: one for t, the others for v."""
        logit = _logit_of_beta(distribution.concentration, (self.latent_size - 1) / 2, noise[..., 0])[..., None]
        v = tf.math.l2_normalize(noise[..., 1:], axis=-1)
        t, root = tf.tanh(logit / 2), 1 / tf.cosh(logit / 2)  # root = sqrt(1 - t^2)
        around_first = tf.concat([t, root * v], axis=-1)  # around e_1 = (1, 0, ..., 0)
        # A reflection that takes e_1 to loc, or -e_1 where that is farther away.
        first = tf.one_hot(0, self.latent_size)
        sign = tf.where(distribution.mean_direction[..., :1] >= 0, 1.0, -1.0)
        normal = tf.math.l2_normalize(distribution.mean_direction + sign * first, axis=-1)
        reflected = around_first - 2 * tf.reduce_sum(around_first * normal, axis=-1, keepdims=True) * normal
        return -sign * reflected

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """loc, float32 [B, D]; the mean itself is within the sphere."""
        return q.mean_direction

    def stddev(self, q: tfd.Distribution) -> tf.Tensor:
        """The standard deviation of each dimension, float32 [B, D]."""
        return q.stddev()


class _PowerSpherical(tfd.PowerSpherical):
    """tfp's, whose differences of large numbers leave nothing in float32 at high concentrations, without them.

    With b = (D - 1)/2 and G(x) = log Gamma(x + b) - log Gamma(x), let g(c) = G(b + c) - G(b), which is 0 for c = 0:

    log q(z) = concentration log(1 - |z - loc|^2 / 4) + g(concentration) - log area
    KL[q || uniform] = g(concentration) - concentration g'(concentration)
    """

    def _log_prob(self, z):
        share = tf.reduce_sum((z - self.mean_direction) ** 2, axis=-1) / 4  # (1 - loc^T z) / 2
        log_share = tf.math.log1p(-tf.minimum(share, 1))
        growth, _ = self._growth()
        return self.concentration * log_share + growth - self._log_area()

    def _entropy(self):
        return self._log_area() - self.divergence_from_uniform()

    def _variance(self):
        size, c = float(self.event_shape[-1]), self.concentration[..., None]
        across = (1 - self.mean_direction) * (1 + self.mean_direction)
        squares = (2 * c + size - 1) / (c + size - 1) / (c + size)
        return squares * (c * tf.maximum(across, 0) + size - 1) / (c + size - 1)

    def divergence_from_uniform(self) -> tf.Tensor:
        """KL[q || uniform], float32 [B], nats."""
        growth, slope = self._growth()
        return growth - self.concentration * slope

    def _log_area(self) -> float:
        size = self.event_shape[-1]
        return math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)

    def _growth(self) -> tuple[tf.Tensor, tf.Tensor]:
        """g and its derivative at the concentration, each float32 [B]: whole steps of log Gamma, then half a step."""
        c, half = self.concentration, (self.event_shape[-1] - 1) / 2  # b
        places = half + np.arange(int(half), dtype=np.float32)
        growth = tf.reduce_sum(tf.math.log1p(c[..., None] / places), axis=-1)
        slope = tf.reduce_sum(1 / (c[..., None] + places), axis=-1)
        if half % 1:
            start = half + int(half)
            value, derivative = _half_step(start + c)
            growth += value - (math.lgamma(start + 0.5) - math.lgamma(start))
            slope += derivative
        return growth, slope


def _half_step(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """log Gamma(x + 1/2) - log Gamma(x) for x > 0, and its derivative, both of the shape of x.

    By the series at x + 6, and by the recurrence down from there.

    Source: NIST Digital Library of Mathematical Functions, equations 5.5.1 and 5.11.13.
    """
    steps = x[..., None] + np.arange(FAR, dtype=np.float32)
    far = 1 / (x + FAR)
    value = -tf.math.log(far) / 2 - far / 8 + far**3 / 192 - far**5 / 640
    derivative = far / 2 + far**2 / 8 - far**4 / 64 + far**6 / 128
    value -= tf.reduce_sum(tf.math.log1p(0.5 / steps), axis=-1)
    derivative += tf.reduce_sum(0.5 / steps / (steps + 0.5), axis=-1)
    return value, derivative


@tfd.RegisterKL(_PowerSpherical, tfd.SphericalUniform)
def _kl_divergence(q: _PowerSpherical, p: tfd.SphericalUniform, name: str | None = None) -> tf.Tensor:
    del p, name
    return q.divergence_from_uniform()


def _logit_of_beta(concentration: tf.Tensor, half: float, noise: tf.Tensor) -> tf.Tensor:
    """y = log(b / (1 - b)), [K, B], of b ~ Beta(half + concentration, half) at the quantiles Phi(noise) [K, B].

    The density of y is proportional to sigmoid(y)^(half + concentration) sigmoid(-y)^half. Its distribution function F
    is tabulated by trapezoids with their first correction, and y is interpolated over log(F / (1 - F)) by cubics.
    """
    alpha, beta = half + concentration[:, None], tf.constant(half)
    centre = tf.math.digamma(alpha) - tf.math.digamma(beta)
    width = tf.sqrt(tf.math.polygamma(1.0, alpha) + tf.math.polygamma(1.0, beta))
    y = tf.stop_gradient(centre + width * TABLE)  # [B, T]
    step = tf.stop_gradient(width) * (TABLE[1] - TABLE[0])
    log_density = alpha * tf.math.log_sigmoid(y) + beta * tf.math.log_sigmoid(-y)
    density = tf.exp(log_density - tf.stop_gradient(tf.reduce_max(log_density, axis=-1, keepdims=True)))
    slope = density * (alpha * tf.sigmoid(-y) - beta * tf.sigmoid(y))
    below = tf.matmul(density, _TRAPEZOIDS) - step / 12 * slope
    above = tf.matmul(density, _TRAPEZOIDS[::-1, ::-1]) + step / 12 * slope
    below, above = tf.maximum(below, SMALLEST), tf.maximum(above, SMALLEST)  # F and 1 - F, except for a factor
    logits = tf.math.log(below) - tf.math.log(above)
    slopes = step * below * above / ((below + above) * tf.maximum(density, SMALLEST))  # dy / dlogit

    normal = tfd.Normal(0.0, 1.0)
    logit = tf.transpose(normal.log_cdf(noise) - normal.log_survival_function(noise))  # [B, K]
    right = tf.searchsorted(tf.stop_gradient(logits), logit, side="right")
    right = tf.clip_by_value(right, 1, len(TABLE) - 1)
    (x0, x1), (y0, y1), (m0, m1) = (
        (tf.gather(table, right - 1, batch_dims=1), tf.gather(table, right, batch_dims=1))
        for table in (logits, y, slopes)
    )
    t = (logit - x0) / (x1 - x0)
    return tf.transpose(
        (1 + 2 * t) * (1 - t) ** 2 * y0
        + t * (1 - t) ** 2 * (x1 - x0) * m0
        + t**2 * (3 - 2 * t) * y1
        + t**2 * (t - 1) * (x1 - x0) * m1
    )


def _trapezoids(count: int) -> np.ndarray:
    """The matrix [count, count] that takes values at even places to their integrals up to each place."""
    up_to = np.triu(np.ones([count, count], np.float32))
    up_to[0] /= 2
    up_to[np.diag_indices(count)] -= 0.5
    return up_to


_TRAPEZOIDS = _trapezoids(len(TABLE))
