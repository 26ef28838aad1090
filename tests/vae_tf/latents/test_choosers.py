import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, networks, posteriors, priors
from vae_tf.latents import Flat, Generate, Infer, Recall, Represent, Score

D, F = 3, 5


@pytest.fixture
def flat(rng) -> Flat:
    posterior, prior = posteriors.DiagonalNormal(D), priors.ConditionalNormal(D)
    posterior.build((None, F))
    prior.build((None, 2))
    for layer in (posterior.loc, posterior.log_variance, prior.loc, prior.log_scale):
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return Flat(posterior, prior)


@pytest.fixture
def features(rng):
    return tf.constant(rng.normal(size=(4, F)), tf.float32)


@pytest.fixture
def context(rng):
    return tf.constant(rng.normal(size=(4, 2)), tf.float32)


def test_infer_draws_from_the_posterior_and_records_what_it_met(flat, features, context, rng):
    noise = tf.constant(rng.normal(size=(2, 4, D)), tf.float32)
    prior_noise = tf.constant(rng.normal(size=(4, D)), tf.float32)
    infer = Infer([features], noise, prior_noise, None)
    z = flat.walk(infer, context)
    (latent,) = infer.latents
    q, p = latent.posterior.distribution, latent.prior.distribution
    np.testing.assert_allclose(z, q.loc + q.scale * noise, rtol=1e-5)
    np.testing.assert_array_equal(z, latent.z)
    np.testing.assert_allclose(p.loc, flat.prior.loc(context), rtol=1e-6)
    np.testing.assert_allclose(latent.prior_draw, p.loc + p.scale * prior_noise, rtol=1e-5)


def test_represent_takes_the_code(flat, features):
    represent = Represent([features])
    z = flat.walk(represent)
    np.testing.assert_array_equal(z, represent.posteriors[0].mean())
    np.testing.assert_allclose(z, flat.posterior.loc(features), rtol=1e-6)


def test_generate_draws_from_the_prior(flat, context, rng):
    noise = tf.constant(rng.normal(size=(4, D)), tf.float32)
    generate = Generate(noise, None)
    z = flat.walk(generate, context)
    scale = tf.exp(flat.prior.log_scale(context))
    np.testing.assert_allclose(z, flat.prior.loc(context) + scale * noise, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(generate.codes[0], z)


def test_score_is_the_density_of_what_is_recalled(flat, features, rng):
    z = tf.constant(rng.normal(size=(6, 1, D)), tf.float32)
    represent, score = Represent([features]), Score([features], z)
    flat.walk(represent)
    np.testing.assert_array_equal(flat.walk(score), flat.walk(Recall(z)))
    np.testing.assert_allclose(score.log_posterior, represent.posteriors[0].log_prob(z), rtol=1e-6)
    assert score.log_posterior.shape == (6, 4)


def test_what_infer_chose_has_the_same_likelihood_if_it_is_recalled(rng):
    x, label = np.float32(rng.random((4, 6)) < 0.5), np.array([0, 2, 1, 1])
    vae = VAE(*networks.mlp((6,), 2, hidden=(4,), conditions={"label": networks.Label(3)}))
    terms = vae.terms(x, tf.constant(rng.normal(size=(5, 4, 2)), tf.float32), label=label)
    recalled = vae.likelihood.log_prob(vae.decode(terms.latents[0].z, label=label), x)
    np.testing.assert_allclose(recalled, terms.log_likelihood, rtol=1e-6)
