import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from vae_tf import InputError
from vae_tf.likelihoods import Laplace


def log_prob(loc, scale, x):
    return stats.laplace.logpdf(x, loc, scale).reshape(len(x), -1).sum(axis=1)


@pytest.mark.parametrize("event_shape", [(7,), (4, 3, 2)])
def test_a_fixed_scale(event_shape, rng, parameters_of):
    loc, x = rng.normal(size=(2, 5, *event_shape)).astype(np.float32)
    likelihood = Laplace(event_shape, scale=0.3, projection=None)
    p = likelihood.distribution(parameters_of(likelihood, loc))
    assert p.event_shape == event_shape
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, 0.3, x), rtol=1e-5)
    np.testing.assert_array_equal(likelihood.mean(p), loc)
    assert likelihood.trainable_weights == []


def test_a_shared_scale_is_one_weight_that_starts_at_1(rng, parameters_of):
    loc, x = rng.normal(size=(2, 5, 7)).astype(np.float32)
    likelihood = Laplace((7,), scale="shared", projection=None)
    p = likelihood.distribution(parameters_of(likelihood, loc))
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, 1, x), rtol=1e-5)
    (weight,) = likelihood.trainable_weights
    weight.assign(np.log(0.4))
    p = likelihood.distribution(likelihood.parameters(tf.constant(loc)))
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, 0.4, x), rtol=1e-5)


@pytest.mark.parametrize("event_shape", [(7,), (4, 3, 2)])
def test_a_predicted_scale_is_the_softplus_of_the_last_features(event_shape, rng, parameters_of):
    features = rng.normal(size=(5, *event_shape[:-1], 2 * event_shape[-1])).astype(np.float32)
    loc, raw = np.split(features, 2, axis=-1)
    x = rng.normal(size=loc.shape).astype(np.float32)
    likelihood = Laplace(event_shape, scale="predicted", projection=None)
    p = likelihood.distribution(parameters_of(likelihood, features))
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, np.log1p(np.exp(raw)) + 0.001, x), rtol=2e-5)


def test_the_density_integrates_to_1():
    p = Laplace((1,)).distribution({"loc": tf.constant([0.3]), "scale": tf.constant([0.5])})
    density = lambda x: float(p.prob(tf.constant([x], tf.float32)))  # noqa: E731
    total, _ = integrate.quad(density, -12, 12, points=[0.3], epsabs=1e-5)
    assert total == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_far_values_keep_log_prob_and_gradient_finite(jit_compile):
    @tf.function(jit_compile=jit_compile)
    def one_pass(loc):
        values = Laplace((1,)).distribution({"loc": loc, "scale": tf.fill(loc.shape, 0.001)}).log_prob([[0.0]])
        return values, tf.gradients(values, loc)[0]

    values, gradient = one_pass(tf.constant([[-1e9], [0.0], [1e9]]))
    np.testing.assert_allclose(values, [-1e12, -np.log(0.002), -1e12], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[1000], [0], [-1000]], rtol=1e-6)


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), "learned", None])
def test_other_scales_are_refused(scale):
    with pytest.raises(InputError, match=r'Laplace got scale=.*give a number above 0, "shared" or "predicted"'):
        Laplace((7,), scale=scale)


@pytest.mark.parametrize("scale", [0.5, "shared", "predicted"])
def test_it_is_made_again_from_its_config(scale):
    config = keras.saving.serialize_keras_object(Laplace((7,), scale=scale, projection=None))
    again = keras.saving.deserialize_keras_object(config)
    assert (type(again), again.event_shape, again.scale, again.projection) == (Laplace, (7,), scale, None)
