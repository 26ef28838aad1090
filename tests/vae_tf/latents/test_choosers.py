"""The ways to choose z: what each gives, and that each computes no more than it needs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, networks, posteriors, priors
from vae_tf.latents import Continue, Flat, Generate, Infer, Recall, Represent, Score

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


def test_continue_holds_the_codes_of_some_rows_and_draws_those_of_others(flat, context, rng):
    noise, z = (tf.constant(rng.normal(size=(4, D)), tf.float32) for _ in range(2))
    generate, below = Generate(noise, None), Continue(z, tf.constant([0, 1, 1, 0]), noise, None)
    drawn = flat.walk(generate, context)
    found = flat.walk(below, context)
    np.testing.assert_array_equal(found, tf.where([[True], [False], [False], [True]], drawn, z))
    np.testing.assert_array_equal(below.codes[0], found)


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


# ----- What each computes with

FEATURES = tf.TensorSpec([None, F], name="features")
CONTEXT = tf.TensorSpec([None, 2], name="context")


def traced(flat: Flat, make) -> tf.types.experimental.ConcreteFunction:
    """The graph of a walk with the chooser that `make` makes of features and normals."""

    def walk(features, context):
        normals = tf.zeros([1, tf.shape(features)[0], D])
        return flat.walk(make(features, normals), context)

    return tf.function(walk, autograph=False).get_concrete_function(FEATURES, CONTEXT)


@pytest.mark.parametrize(
    ("make", "owners"),
    [
        (lambda features, normals: Infer([features], normals, None, None), {"posterior", "prior"}),
        (lambda features, normals: Represent([features]), {"posterior"}),
        (lambda features, normals: Generate(normals[0], None), {"prior"}),
        (lambda features, normals: Continue(normals[0], tf.constant([1]), normals[0], None), {"prior"}),
        (lambda features, normals: Recall(normals), set()),
        (lambda features, normals: Score([features], normals), {"posterior"}),
    ],
    ids=["Infer", "Represent", "Generate", "Continue", "Recall", "Score"],
)
def test_a_way_computes_with_the_weights_of_what_it_asks(flat, make, owners):
    graph = traced(flat, make)
    used = {id(variable) for variable in graph.variables}
    for name in ("posterior", "prior"):
        weights = {id(weight.value) for weight in getattr(flat, name).weights}
        assert weights <= used if name in owners else not weights & used, name


def test_what_is_recalled_is_not_computed_with(flat):
    graph = traced(flat, lambda features, normals: Recall(normals)).graph
    beside = traced(flat, lambda features, normals: lambda site, state: normals).graph
    assert len(graph.get_operations()) == len(beside.get_operations())


# ----- Several stochastic layers


class Two:
    """Two layers, one after the other: the second has its own noise, its own features and its own share of z."""

    def __init__(self, first: Flat, second: Flat):
        self.sites = first, second

    def walk(self, choose, condition=None):
        return tf.concat([choose(site, condition) for site in self.sites], axis=-1)


@pytest.fixture
def two(flat) -> Two:
    keras.utils.set_random_seed(2)
    second = Flat(posteriors.FullCovarianceNormal(2), priors.MixtureOfNormals(2, components=3))
    second.posterior.build((None, 4))
    second.prior.build((None, 2))
    return Two(flat, second)


def test_each_layer_takes_its_share_of_the_noise_the_features_and_the_code(two, features, context, rng):
    _, second = two.sites
    others = tf.constant(rng.normal(size=(4, 4)), tf.float32)
    noise, prior_noise = (
        tf.constant(rng.normal(size=shape), tf.float32) for shape in ((6, 4, D + 2), (4, D + second.prior.noise_size))
    )
    infer = Infer([features, others], noise, prior_noise, None)
    z = two.walk(infer, context)
    alone = Infer([features], noise[..., :D], prior_noise[:, :D], None), Infer([others], noise[..., D:], None, None)
    parts = [one.walk(choose, context) for one, choose in zip(two.sites, alone, strict=True)]
    np.testing.assert_array_equal(z, tf.concat(parts, axis=-1))
    np.testing.assert_array_equal(infer.latents[0].prior_draw, alone[0].latents[0].prior_draw)
    generate = Generate(prior_noise, None)
    drawn = two.walk(generate, context)
    np.testing.assert_array_equal(drawn, tf.concat(generate.codes, axis=-1))
    np.testing.assert_array_equal(drawn, tf.concat([latent.prior_draw for latent in infer.latents], axis=-1))
    np.testing.assert_array_equal(two.walk(Recall(z), context), z)
    score = Score([features, others], z)
    np.testing.assert_array_equal(two.walk(score, context), z)
    log_q = sum(latent.posterior.log_prob(latent.z) for latent in infer.latents)
    np.testing.assert_allclose(score.log_posterior, log_q, rtol=1e-5)
    represent = Represent([features, others])
    np.testing.assert_array_equal(two.walk(represent), tf.concat(represent.codes, axis=-1))
    assert len(represent.posteriors) == len(represent.parameters) == 2
