"""What a pass says of a stochastic layer, and that only what is asked for is computed."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, networks, objectives, posteriors, priors
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


# ----- What is computed when


def operations(vae: VAE, ask) -> Counter:
    """How often each kind of operation is in the graph of a pass of which something is asked."""

    def run(x, noise, prior_noise):
        (latent,) = vae.terms(x, noise, prior_noise=prior_noise).latents
        return ask(latent)

    specs = tf.TensorSpec([None, 6]), tf.TensorSpec([None, None, 2]), tf.TensorSpec([None, vae.prior_noise_size])
    graph = tf.function(run, autograph=False).get_concrete_function(*specs).graph
    return Counter(operation.type for operation in graph.get_operations())


@pytest.fixture
def vae() -> VAE:
    return VAE(*networks.mlp((6,), 2, hidden=(4,)), prior=priors.AutoregressiveFlow(2, hidden=(4,)))


def test_a_draw_from_the_prior_is_computed_if_it_is_asked_for_and_once(vae):
    none = operations(vae, lambda latent: latent.z)
    one = operations(vae, lambda latent: latent.prior_draw)
    assert one.total() > none.total() + 20  # each dimension is drawn after the one before
    assert one["MatMul"] > none["MatMul"]
    several = operations(vae, lambda latent: (latent.prior_draw, latent.prior_draw))
    assert set(several - one) <= {"Identity"}  # of the graph's outputs


def test_the_posterior_is_held_if_it_is_asked_for_and_once(vae):
    none = operations(vae, lambda latent: latent.z)
    one = operations(vae, lambda latent: latent.held.log_prob(latent.z))
    assert none["StopGradient"] == 0
    assert one["StopGradient"] == 2  # loc and scale
    several = operations(vae, lambda latent: (latent.held.log_prob(latent.z), latent.held.log_prob(latent.z)))
    assert several["StopGradient"] == 2


@pytest.mark.parametrize(
    ("objective", "draws", "holds"),
    [
        (objectives.ELBO(), False, False),
        (objectives.ImportanceWeighted(samples=2), False, False),
        (objectives.ImportanceWeighted(samples=2, gradient="dreg"), False, True),
        (objectives.MaximumMeanDiscrepancy(), True, False),
    ],
    ids=["ELBO", "ImportanceWeighted", "dreg", "MaximumMeanDiscrepancy"],
)
def test_an_objective_pays_for_what_it_asks_alone(monkeypatch, objective, draws, holds):
    vae, asked = VAE(*networks.mlp((6,), 2, hidden=(4,)), objective=objective), []
    distribution = posteriors.DiagonalNormal.distribution
    monkeypatch.setattr(
        posteriors.DiagonalNormal, "distribution", lambda self, given: asked.append("q") or distribution(self, given)
    )
    monkeypatch.setattr(priors.StandardNormal, "generate", lambda self, given, noise: asked.append("draw") or noise)
    terms = vae.terms(tf.ones([5, 6]), tf.zeros([objective.samples, 5, 2]), prior_noise=tf.zeros([5, 2]))
    objective(terms, tf.constant(1))
    assert asked.count("draw") == draws
    assert asked.count("q") == 1 + holds
