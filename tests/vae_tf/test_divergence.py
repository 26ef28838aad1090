import logging

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import divergence, posteriors, priors
from vae_tf.latents import Latent

DRAWS = 20_000


@pytest.fixture
def latent(rng):
    posterior, prior = posteriors.DiagonalNormal(3), priors.StandardNormal(3)
    parameters = {
        "loc": tf.constant(rng.normal(size=(5, 3)), tf.float32),
        "scale": tf.constant(np.exp(0.5 * rng.normal(size=(5, 3))), tf.float32),
    }
    q = posterior.distribution(parameters)
    z = posterior.draw(q, tf.constant(rng.normal(size=(DRAWS, 5, 3)), tf.float32))
    return Latent(z, q, prior.distribution({}))


def test_the_closed_form_is_the_formula(latent):
    loc, scale = latent.posterior.distribution.loc.numpy(), latent.posterior.distribution.scale.numpy()
    expected = 0.5 * (loc**2 + scale**2 - 1 - 2 * np.log(scale)).sum(axis=-1)
    np.testing.assert_allclose(divergence.rate((latent,), "analytic"), expected, rtol=1e-5)


def test_monte_carlo_agrees_with_the_closed_form(latent):
    log_ratios = (latent.posterior.log_prob(latent.z) - latent.prior.log_prob(latent.z)).numpy()
    standard_error = log_ratios.std(axis=0) / np.sqrt(DRAWS)
    difference = divergence.rate((latent,), "monte_carlo") - divergence.rate((latent,), "analytic")
    assert (np.abs(difference) < 4 * standard_error).all()
    assert standard_error.max() < 0.05


def test_the_closed_form_has_the_gradient_of_the_formula():
    loc, scale = tf.constant([[0.3, -2.0]]), tf.constant([[0.5, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch([loc, scale])
        q = posteriors.DiagonalNormal(2).distribution({"loc": loc, "scale": scale})
        rate = divergence.rate((Latent(tf.zeros([1, 1, 2]), q, priors.StandardNormal(2).distribution({})),), "analytic")
    gradients = tape.gradient(rate, [loc, scale])
    np.testing.assert_allclose(gradients[0], loc, rtol=1e-6)
    np.testing.assert_allclose(gradients[1], scale - 1 / scale, rtol=1e-6)


def test_layers_add_up(latent):
    np.testing.assert_allclose(
        divergence.rate((latent, latent), "analytic"), 2 * divergence.rate((latent,), "analytic"), rtol=1e-6
    )


def test_a_pair_without_a_closed_form_is_estimated_and_the_log_says_so(latent, caplog):
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.3, 0.7]),
        tfd.Independent(tfd.Normal([[0.0] * 3, [1.0] * 3], [[1.0] * 3, [2.0] * 3]), 1),
        name="Mixture",
    )
    latent = Latent(latent.z, latent.posterior, mixture)
    with caplog.at_level(logging.WARNING, logger="vae_tf.divergence"):
        rate = divergence.rate((latent,), "analytic")
    np.testing.assert_array_equal(rate, divergence.rate((latent,), "monte_carlo"))
    assert "KL[DiagonalNormal || Mixture] has no closed form: it is estimated by Monte Carlo." in caplog.text


def test_the_estimate_for_discrete_codes_has_the_gradient_of_the_divergence(rng):
    logits, others = (tf.constant(rng.normal(size=[1, 2, 3]), tf.float32) for _ in range(2))
    posterior = posteriors.RelaxedCategorical(2, codes=3)
    p = posterior.distribution({"logits": others})  # any other over codes
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        q = posterior.distribution({"logits": logits})
        z = posterior.draw(q, tf.constant(rng.normal(size=(DRAWS, 1, 6)), tf.float32))
        estimate = divergence.rate((Latent(z, q, p),), "monte_carlo")
        pairs = tfd.Categorical(logits), tfd.Categorical(others)
        exact = tf.reduce_sum(tfd.kl_divergence(*pairs), axis=-1)
    np.testing.assert_allclose(estimate, exact, atol=0.05)
    np.testing.assert_allclose(tape.gradient(estimate, logits), tape.gradient(exact, logits), atol=0.03)
    assert abs(tape.gradient(exact, logits)).numpy().max() > 0.1
