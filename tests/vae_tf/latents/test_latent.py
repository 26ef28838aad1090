import numpy as np
import pytest
import tensorflow as tf

from vae_tf import posteriors, priors
from vae_tf.latents import Flat, Infer


@pytest.fixture
def latent(rng):
    flat = Flat(posteriors.FullCovarianceNormal(2), priors.StandardNormal(2))
    flat.posterior.build((None, 3))
    flat.posterior.scale_tril.bias.assign([0.3, -0.5, 0.2])
    infer = Infer([tf.constant(rng.normal(size=(4, 3)), tf.float32)], tf.zeros([1, 4, 2]), None, None)
    flat.walk(infer)
    return infer.latents[0]


def test_held_is_the_posterior_without_a_gradient(latent, rng):
    z = tf.constant(rng.normal(size=(4, 2)), tf.float32)
    np.testing.assert_array_equal(latent.held.log_prob(z), latent.posterior.log_prob(z))


def test_no_gradient_reaches_the_parameters_of_held(rng):
    flat = Flat(posteriors.DiagonalNormal(2), priors.StandardNormal(2))
    flat.posterior.build((None, 3))
    with tf.GradientTape() as tape:
        infer = Infer([tf.ones([4, 3])], tf.zeros([1, 4, 2]), None, None)
        flat.walk(infer)
        value = tf.reduce_sum(infer.latents[0].held.log_prob(tf.constant(rng.normal(size=(4, 2)), tf.float32)))
    assert tape.gradient(value, flat.posterior.trainable_weights) == [None] * 4


def test_the_covariance_is_that_of_the_family(latent):
    scale = latent.posterior.scale_tril.numpy()
    np.testing.assert_allclose(latent.covariance, scale @ np.swapaxes(scale, 1, 2), rtol=1e-5)
