import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from vae_tf import InputError
from vae_tf.likelihoods import Normal


def log_prob(loc, scale, x):
    return stats.norm.logpdf(x, loc, scale).reshape(len(x), -1).sum(axis=1)


@pytest.mark.parametrize("event_shape", [(7,), (4, 3, 2)])
def test_a_fixed_scale(event_shape, rng, parameters_of):
    loc, x = rng.normal(size=(2, 5, *event_shape)).astype(np.float32)
    likelihood = Normal(event_shape, scale=0.3, projection=None)
    p = likelihood.distribution(parameters_of(likelihood, loc))
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, 0.3, x), rtol=1e-5)
    np.testing.assert_array_equal(likelihood.mean(p), loc)
    assert likelihood.trainable_weights == []


def test_a_shared_scale_is_one_weight_that_starts_at_1(rng, parameters_of):
    loc, x = rng.normal(size=(2, 5, 7)).astype(np.float32)
    likelihood = Normal((7,), scale="shared", projection=None)
    p = likelihood.distribution(parameters_of(likelihood, loc))
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, 1, x), rtol=1e-5)

    (weight,) = likelihood.trainable_weights
    weight.assign(np.log(0.4))
    with tf.GradientTape() as tape:
        p = likelihood.distribution(likelihood.parameters(tf.constant(loc)))
        values = p.log_prob(x)
    np.testing.assert_allclose(values, log_prob(loc, 0.4, x), rtol=1e-5)
    # d/dlog(s) log N = ((x - loc) / s)^2 - 1, summed
    expected = (((x - loc) / 0.4) ** 2 - 1).sum()
    np.testing.assert_allclose(tape.gradient(values, weight.value), expected, rtol=1e-4)


@pytest.mark.parametrize("event_shape", [(7,), (4, 3, 2)])
def test_a_predicted_scale_is_the_softplus_of_the_last_features(event_shape, rng, parameters_of):
    features = rng.normal(scale=2, size=(5, *event_shape[:-1], 2 * event_shape[-1])).astype(np.float32)
    loc, raw = np.split(features, 2, axis=-1)
    x = rng.normal(size=loc.shape).astype(np.float32)
    likelihood = Normal(event_shape, scale="predicted", projection=None)
    p = likelihood.distribution(parameters_of(likelihood, features))
    np.testing.assert_allclose(p.log_prob(x), log_prob(loc, np.log1p(np.exp(raw)) + 0.001, x), rtol=2e-5)
    np.testing.assert_array_equal(likelihood.mean(p), loc)


def test_a_predicted_scale_does_not_fall_below_a_thousandth(parameters_of):
    likelihood = Normal((1,), scale="predicted", projection=None)
    parameters = parameters_of(likelihood, [[0.0, -200.0]])
    np.testing.assert_allclose(parameters["scale"], [[0.001]])


@pytest.mark.parametrize("projected", [(8,), (4, 3, 5)], ids=["flat", "convolution"])
def test_projections_give_loc_and_scale_of_the_event(projected, rng):
    likelihood = Normal((4, 3, 2), scale="predicted")
    likelihood.build((None, *projected))
    parameters = likelihood.parameters(tf.constant(rng.normal(size=(5, *projected)), tf.float32))
    assert {name: value.shape for name, value in parameters.items()} == {"loc": (5, 4, 3, 2), "scale": (5, 4, 3, 2)}
    assert np.ptp(parameters["scale"]) > 0


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), "learned", None])
def test_other_scales_are_refused(scale):
    with pytest.raises(InputError, match=r'scale=.*give a number above 0, "shared" or "predicted"'):
        Normal((7,), scale=scale)


@pytest.mark.parametrize("scale", [np.float32(0.5), np.float64(0.5), 1, 0.5])
def test_numpy_numbers_are_numbers(scale, parameters_of):
    likelihood = Normal((1,), scale=scale, projection=None)
    np.testing.assert_allclose(parameters_of(likelihood, [[0.0]])["scale"], [[float(scale)]])
    config = keras.saving.serialize_keras_object(likelihood)
    assert keras.saving.deserialize_keras_object(config).scale == scale


def test_the_density_integrates_to_1():
    p = Normal((1,)).distribution({"loc": tf.constant([0.3]), "scale": tf.constant([0.5])})
    total, _ = integrate.quad(lambda x: float(p.prob(tf.constant([x], tf.float32))), -6, 6, points=[0.3], epsabs=1e-5)
    assert total == pytest.approx(1, abs=1e-5)
