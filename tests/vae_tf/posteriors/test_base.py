"""What posteriors share: the bounds of the log variance."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.family import Given
from vae_tf.posteriors import DiagonalNormal, FullCovarianceNormal, InverseAutoregressiveFlow

SPREADS = {
    "log_variance": (functools.partial(DiagonalNormal, spread="log_variance"), "log_variance", 2),
    "log_scale": (functools.partial(DiagonalNormal, spread="log_scale"), "log_scale", 1),
    "full covariance": (FullCovarianceNormal, "scale_tril", 1),
    "flow": (InverseAutoregressiveFlow, "log_variance", 2),
}


@pytest.fixture(params=SPREADS)
def scale_of(request):
    """The scale of q(z|x) for the values [B, 1] of its last linear layer, and the log scale that these stand for."""
    make, name, halves = SPREADS[request.param]
    posterior = make(1)
    posterior.build((None, 1))
    getattr(posterior, name).set_weights([np.ones((1, 1)), np.zeros(1)])

    def scale(values):
        parameters = posterior.parameters(Given(values))
        return tf.reshape(parameters["scale" if "scale" in parameters else "scale_tril"], [-1])

    return scale, halves


def test_within_the_bounds_the_scale_is_the_exponential_bit_for_bit(scale_of):
    scale, halves = scale_of
    values = tf.linspace(-15.0 * halves, 10.0 * halves, 101)[:, None]
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = scale(values)
    np.testing.assert_array_equal(found, tf.exp(values[:, 0] / halves))
    np.testing.assert_allclose(tape.gradient(found, values)[:, 0], found / halves, rtol=1e-6)


@pytest.mark.parametrize("value", [-1e30, -1e3, -31.0, 21.0, 1e3, 1e30])
def test_beyond_the_bounds_the_scale_is_theirs_and_what_began_there_comes_back(scale_of, value):
    scale, halves = scale_of
    values = tf.constant([[value]])
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = scale(values)
    np.testing.assert_allclose(found, [np.exp(10) if value > 0 else np.exp(-15)], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(found, values)[0], found / halves, rtol=1e-6)
