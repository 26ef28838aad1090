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


def test_the_gradient_is_the_residual_at_zero_logits_too(rng):
    logits = tf.constant(np.concatenate([np.zeros(5), rng.normal(scale=3, size=20)])[None], tf.float32)
    x = tf.constant(rng.random((1, 25)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        log_prob = Bernoulli((25,)).distribution({"logits": logits}).log_prob(x)
    residual = x - special.expit(logits)  # d/dlogits [x log p + (1 - x) log(1 - p)]
    np.testing.assert_allclose(tape.gradient(log_prob, logits), residual, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_pixel_is_exact_to_float32(jit_compile):
    logits = np.linspace(-40, 40, 8001).astype(np.float32)
    likelihood = Bernoulli((1,))

    @tf.function(jit_compile=jit_compile)
    def log_prob(x):
        return likelihood.distribution({"logits": tf.constant(logits[:, None])}).log_prob(x)

    for bit, expected in (
        (0.0, special.log_expit(-logits.astype(float))),
        (1.0, special.log_expit(logits.astype(float))),
    ):
        np.testing.assert_allclose(log_prob(tf.fill([8001, 1], bit)), expected, rtol=2e-7, atol=1.2e-7)


def test_mean_is_the_sigmoid(rng):
    logits = rng.normal(scale=3, size=(5, 7))
    likelihood = Bernoulli((7,))
    p = likelihood.distribution({"logits": tf.constant(logits, tf.float32)})
    np.testing.assert_allclose(likelihood.mean(p), special.expit(logits), rtol=1e-5)


def test_the_probabilities_of_0_and_1_sum_to_1():
    logits = tf.linspace(-20.0, 20.0, 41)[:, None]
    p = Bernoulli((1,)).distribution({"logits": logits})
    np.testing.assert_allclose(p.prob(tf.zeros([41, 1])) + p.prob(tf.ones([41, 1])), 1, atol=1e-6)
