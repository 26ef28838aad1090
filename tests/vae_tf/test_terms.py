import numpy as np
import tensorflow as tf
from scipy import stats

from vae_tf import posteriors, priors
from vae_tf.latents import Latent
from vae_tf.terms import Terms


def test_log_weights_take_every_layer(rng):
    posterior, prior = posteriors.DiagonalNormal(2), priors.StandardNormal(2).distribution({})
    log_likelihood = rng.normal(size=(4, 3)).astype(np.float32)
    expected, latents = log_likelihood.astype(np.float64), []
    for _ in range(2):
        loc, z = rng.normal(size=(3, 2)), rng.normal(size=(4, 3, 2))
        q = posterior.distribution({"loc": tf.constant(loc, tf.float32), "scale": tf.fill([3, 2], 0.5)})
        latents.append(Latent(tf.constant(z, tf.float32), q, prior))
        expected = expected + (stats.norm.logpdf(z) - stats.norm.logpdf(z, loc, 0.5)).sum(axis=-1)
    log_weights = Terms(tuple(latents), tf.constant(log_likelihood)).log_weights
    np.testing.assert_allclose(log_weights, expected, rtol=1e-4, atol=1e-4)


def test_the_mean_takes_the_sample_weights(rng):
    values, weights = rng.normal(size=(5, 2, 3)).astype(np.float32), rng.random(5).astype(np.float32)
    terms = Terms((), tf.zeros([1, 5]))
    np.testing.assert_array_equal(terms.mean(values), tf.reduce_mean(values, axis=0))
    assert terms.shares is None
    weighed = terms._replace(weights=tf.constant(weights))
    np.testing.assert_allclose(weighed.mean(values), np.average(values, axis=0, weights=weights), rtol=1e-5)
    np.testing.assert_allclose(weighed.shares, weights / weights.sum(), rtol=1e-6)


def test_weights_that_are_all_0_are_as_none():
    np.testing.assert_allclose(Terms((), tf.zeros([1, 4]), weights=tf.zeros([4])).shares, np.full(4, 0.25))
