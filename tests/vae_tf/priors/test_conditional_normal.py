import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from vae_tf.family import Given
from vae_tf.priors import ConditionalNormal, StandardNormal

LABELS, D = 4, 3
CONTEXT = np.eye(LABELS, dtype=np.float32)[[2, 0, 2]]


def prior(size: int = LABELS) -> ConditionalNormal:
    prior = ConditionalNormal(D)
    prior.build((None, size))
    return prior


def learned(rng, size: int = LABELS) -> ConditionalNormal:
    found = prior(size)
    found.set_weights([rng.normal(size=weight.shape) for weight in found.get_weights()])
    return found


def at(prior: ConditionalNormal, context) -> tfd.Distribution:
    return prior.distribution(prior.parameters(Given(tf.constant(context))))


def test_it_starts_as_the_standard_normal_for_every_condition(rng):
    z = rng.normal(size=(3, D)).astype(np.float32)
    p = at(prior(), CONTEXT)
    np.testing.assert_array_equal(p.log_prob(z), tfd.MultivariateNormalDiag(tf.zeros([D]), tf.ones([D])).log_prob(z))
    np.testing.assert_array_equal(prior().draw(p, z), z)
    assert StandardNormal(D).noise_size == prior().noise_size == D


def test_each_label_has_a_mean_and_a_scale_of_its_own(rng):
    found = learned(rng)
    loc = found.loc.kernel.numpy() + found.loc.bias.numpy()
    scale = np.exp(found.log_scale.kernel.numpy() + found.log_scale.bias.numpy())
    z = rng.normal(size=(3, D)).astype(np.float32)
    p = at(found, CONTEXT)
    assert (p.batch_shape, p.event_shape) == ((3,), (D,))
    expected = stats.norm.logpdf(z, loc[[2, 0, 2]], scale[[2, 0, 2]])
    np.testing.assert_allclose(p.log_prob(z), expected.sum(axis=-1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.marginals(p).log_prob(z), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.draw(p, z), loc[[2, 0, 2]] + scale[[2, 0, 2]] * z, rtol=1e-5, atol=1e-5)


def test_a_vector_moves_the_mean_and_the_logarithm_of_the_scale_linearly(rng):
    found, c = learned(rng, 2), rng.normal(size=(5, 2)).astype(np.float32)
    loc, loc_bias, log_scale, log_scale_bias = found.get_weights()
    p = at(found, c)
    np.testing.assert_allclose(p.mean(), c @ loc + loc_bias, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(p.stddev(), np.exp(c @ log_scale + log_scale_bias), rtol=1e-5)


def test_its_divergence_from_a_normal_posterior_is_that_of_two_normals(rng):
    found = learned(rng)
    loc, scale = rng.normal(size=(3, D)).astype(np.float32), np.exp(rng.normal(size=(3, D))).astype(np.float32)
    p = at(found, CONTEXT)
    ratio = (scale / p.stddev().numpy()) ** 2
    expected = (ratio + ((loc - p.mean().numpy()) / p.stddev().numpy()) ** 2 - 1 - np.log(ratio)).sum(axis=-1) / 2
    q = tfd.Independent(tfd.Normal(loc, scale), 1)
    np.testing.assert_allclose(q.kl_divergence(p), expected, rtol=1e-4)


def test_several_draws_have_contexts_of_their_own(rng):
    found, context = learned(rng), np.eye(LABELS, dtype=np.float32)[rng.integers(0, LABELS, [6, 2])]
    p = at(found, context)
    assert (p.batch_shape, p.event_shape) == ((6, 2), (D,))
    np.testing.assert_allclose(p.mean()[3], at(found, context[3]).mean(), rtol=1e-5, atol=1e-6)


def test_draws_have_its_moments(rng):
    found = learned(rng)
    p = at(found, CONTEXT)
    z = found.draw(p, tf.constant(rng.normal(size=(20_000, 3, D)).astype(np.float32))).numpy()
    np.testing.assert_allclose(z.mean(axis=0), p.mean(), atol=5 * p.stddev().numpy().max() / 20_000**0.5)
    np.testing.assert_allclose(z.std(axis=0), p.stddev(), rtol=5 / 40_000**0.5)


@pytest.mark.parametrize("log_scale", [-1000.0, 1000.0])
def test_an_extreme_scale_is_bounded_and_comes_back(log_scale):
    found = prior()
    found.log_scale.bias.assign(tf.fill([D], log_scale))
    with tf.GradientTape() as tape:
        log_prob = at(found, CONTEXT).log_prob(tf.ones([3, D]))
    assert np.isfinite(log_prob).all()
    assert (np.abs(tape.gradient(log_prob, found.log_scale.bias.value)) > 0).all()


def test_it_is_the_same_after_saving(tmp_path, rng):
    found = learned(rng)
    copy = ConditionalNormal.from_config(found.get_config())
    copy.build((None, LABELS))
    copy.set_weights(found.get_weights())
    np.testing.assert_array_equal(at(copy, CONTEXT).mean(), at(found, CONTEXT).mean())
    assert keras.saving.get_registered_object("vae_tf>ConditionalNormal") is ConditionalNormal
    assert [weight.path.split("/")[-2:] for weight in found.weights] == [
        ["loc", "kernel"], ["loc", "bias"], ["log_scale", "kernel"], ["log_scale", "bias"],
    ]  # fmt: skip
