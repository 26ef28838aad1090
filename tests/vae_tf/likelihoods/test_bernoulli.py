import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf.likelihoods import Bernoulli


@pytest.mark.parametrize("event_shape", [(7,), (3, 2), (4, 3, 1)])
def test_log_prob_of_bits_is_scipys(event_shape, rng, parameters_of):
    logits = rng.normal(scale=3, size=(5, *event_shape))
    x = rng.integers(0, 2, (5, *event_shape))
    likelihood = Bernoulli(event_shape, projection=None)
    p = likelihood.distribution(parameters_of(likelihood, logits))
    expected = stats.bernoulli.logpmf(x, special.expit(logits)).reshape(5, -1).sum(axis=1)
    assert p.event_shape == event_shape
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), expected, rtol=1e-5)


def test_log_prob_of_grey_values_is_the_cross_entropy(rng, parameters_of):
    logits, x = rng.normal(scale=3, size=(5, 7)), rng.random((5, 7))
    likelihood = Bernoulli((7,), projection=None)
    p = likelihood.distribution(parameters_of(likelihood, logits))
    expected = (x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)).sum(axis=1)
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), expected, rtol=1e-5)


def test_extreme_logits_keep_log_prob_and_gradient_finite():
    logits = tf.constant([[-200.0, 200.0, -30.0, 30.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        log_prob = Bernoulli((4,)).distribution({"logits": logits}).log_prob(tf.constant([[1.0, 0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(log_prob, [-460.0], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(log_prob, logits), [[1.0, -1.0, 1.0, -1.0]], rtol=1e-6)


def test_mean_is_the_sigmoid(rng):
    logits = rng.normal(scale=3, size=(5, 7))
    likelihood = Bernoulli((7,))
    p = likelihood.distribution({"logits": tf.constant(logits, tf.float32)})
    np.testing.assert_allclose(likelihood.mean(p), special.expit(logits), rtol=1e-5)
