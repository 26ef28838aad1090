import numpy as np
import pytest
import tensorflow as tf

from vae_tf import posteriors, priors
from vae_tf.latents import Flat, Infer, InferWeighed, WeighedLatent


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_the_gradient_of_draws_is_weighed_after_the_pass(rng, jit_compile):
    z = tf.constant(rng.normal(size=(3, 4, 2)), tf.float32)
    weights = tf.constant(rng.random((3, 4)), tf.float32)

    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            latent = WeighedLatent(z, None, None)
            value = tf.reduce_sum(latent.z**2)
            latent.weigh_gradient(weights)
        return value, tape.gradient(value, z)

    compute = gradient if jit_compile is None else tf.function(gradient, jit_compile=jit_compile)
    value, found = compute(z)
    np.testing.assert_allclose(value, (z.numpy() ** 2).sum(), rtol=1e-6)
    np.testing.assert_allclose(found, 2 * z * weights[..., None], rtol=1e-6)


def test_it_draws_what_infer_draws(rng):
    flat = Flat(posteriors.DiagonalNormal(2), priors.StandardNormal(2))
    flat.posterior.build((None, 3))
    features = tf.constant(rng.normal(size=(4, 3)), tf.float32)
    noise = tf.constant(rng.normal(size=(5, 4, 2)), tf.float32)
    draws = [flat.walk(infer([features], noise, None, None)) for infer in (Infer, InferWeighed)]
    np.testing.assert_array_equal(*draws)
