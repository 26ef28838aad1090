import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import InputError
from vae_tf.likelihoods import NegativeBinomial


def log_prob(mean, theta, x):
    """scipy counts failures before the theta-th success, which has probability theta / (theta + mean)."""
    return stats.nbinom.logpmf(x, theta, theta / (theta + mean)).reshape(len(x), -1).sum(axis=1)


@pytest.mark.parametrize("event_shape", [(7,), (4, 3, 2)])
def test_a_fixed_dispersion(event_shape, rng, parameters_of):
    features = rng.normal(scale=2, size=(5, *event_shape)).astype(np.float32)
    x = rng.poisson(3, size=(5, *event_shape))
    likelihood = NegativeBinomial(event_shape, dispersion=0.7, projection=None)
    p = likelihood.distribution(parameters_of(likelihood, features))
    assert p.event_shape == event_shape
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), log_prob(np.exp(features), 0.7, x), rtol=2e-5)
    assert likelihood.trainable_weights == []


def test_a_shared_dispersion_is_one_weight_a_channel_that_starts_at_1(rng, parameters_of):
    features = rng.normal(size=(5, 4, 3)).astype(np.float32)
    x = rng.poisson(3, size=(5, 4, 3))
    likelihood = NegativeBinomial((4, 3), projection=None)
    p = likelihood.distribution(parameters_of(likelihood, features))
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), log_prob(np.exp(features), 1, x), rtol=2e-5)
    (weight,) = likelihood.trainable_weights
    theta = np.array([0.2, 1.5, 30])
    weight.assign(np.log(theta))
    p = likelihood.distribution(likelihood.parameters(tf.constant(features)))
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), log_prob(np.exp(features), theta, x), rtol=2e-5)


def test_a_predicted_dispersion_is_the_softplus_of_the_last_features(rng, parameters_of):
    features = rng.normal(scale=2, size=(5, 4, 6)).astype(np.float32)
    log_mean, raw = np.split(features, 2, axis=-1)
    x = rng.poisson(3, size=(5, 4, 3))
    likelihood = NegativeBinomial((4, 3), dispersion="predicted", projection=None)
    p = likelihood.distribution(parameters_of(likelihood, features))
    expected = log_prob(np.exp(log_mean), np.log1p(np.exp(raw)) + 0.001, x)
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), expected, rtol=5e-5)


@pytest.mark.parametrize(("mean", "theta"), [(0.05, 1.0), (4.0, 0.5), (100.0, 3.0), (50.0, 1000.0)])
def test_the_counts_sum_to_1_with_the_mean_and_the_variance_of_the_docstring(mean, theta):
    likelihood = NegativeBinomial((1,))
    p = likelihood.distribution({"log_mean": tf.math.log([mean]), "dispersion": tf.constant([theta])})
    counts = np.arange(3000.0)
    probability = np.exp(p.log_prob(tf.constant(counts[:, None], tf.float32)), dtype=float)
    assert probability.sum() == pytest.approx(1, abs=1e-4)
    assert probability @ counts == pytest.approx(mean, rel=2e-4)
    assert probability @ (counts - mean) ** 2 == pytest.approx(mean + mean**2 / theta, rel=1e-3)
    np.testing.assert_allclose(likelihood.mean(p), [mean], rtol=1e-5)


def test_draws_are_counts_of_that_mean_and_a_seed_repeats_them():
    likelihood = NegativeBinomial((1,))
    p = likelihood.distribution({"log_mean": tf.math.log([4.0]), "dispersion": tf.constant([2.0])})
    draws = p.sample(20_000, seed=[1, 2]).numpy()
    likelihood.check(draws)
    np.testing.assert_array_equal(draws, p.sample(20_000, seed=[1, 2]))
    assert draws.mean() == pytest.approx(4, abs=4 * (12 / 20_000) ** 0.5)  # four standard errors


@pytest.mark.parametrize("broken", ["log_mean", "dispersion"])
def test_the_mean_is_nan_where_a_parameter_is(broken):
    values = {"log_mean": np.zeros(3, np.float32), "dispersion": np.ones(3, np.float32)}
    values[broken][1] = np.nan
    likelihood = NegativeBinomial((3,))
    assert np.isnan(likelihood.mean(likelihood.distribution(values))).tolist() == [False, True, False]


def test_extreme_parameters_keep_log_prob_and_gradients_finite_and_xla_agrees():
    log_mean, log_theta, x = (value.ravel() for value in np.meshgrid([-80.0, 0, 20], [-6.9, 0, 9], [0.0, 1, 1e5]))
    values = [tf.constant(log_mean[:, None], tf.float32), tf.constant(np.exp(log_theta)[:, None], tf.float32)]

    def one_pass():
        p = NegativeBinomial((1,)).distribution({"log_mean": values[0], "dispersion": values[1]})
        log_prob = p.log_prob(tf.constant(x[:, None], tf.float32))
        return log_prob, *tf.gradients(log_prob, values)

    plain, compiled = tf.function(one_pass)(), tf.function(one_pass, jit_compile=True)()
    for one, other in zip(plain, compiled, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("projected", [(8,), (4, 3, 5)], ids=["flat", "convolution"])
def test_projections_give_mean_and_dispersion_of_the_event(projected, rng):
    likelihood = NegativeBinomial((4, 3, 2), dispersion="predicted")
    likelihood.build((None, *projected))
    parameters = likelihood.parameters(tf.constant(rng.normal(size=(5, *projected)), tf.float32))
    assert {name: value.shape for name, value in parameters.items()} == dict.fromkeys(
        ("log_mean", "dispersion"), (5, 4, 3, 2)
    )


@pytest.mark.parametrize("dispersion", [0, -1.0, float("nan"), float("inf"), "gene", None])
def test_other_dispersions_are_refused(dispersion):
    with pytest.raises(InputError, match=r'dispersion=.*give a number above 0, "shared" or "predicted"'):
        NegativeBinomial((7,), dispersion=dispersion)


@pytest.mark.parametrize("dispersion", [np.float32(0.5), 2, "shared", "predicted"])
def test_it_is_made_again_from_its_config(dispersion):
    config = keras.saving.serialize_keras_object(NegativeBinomial((7,), dispersion=dispersion, projection=None))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.event_shape, again.dispersion, again.projection) == ((7,), dispersion, None)


@pytest.mark.parametrize("log_mean", [-1e4, 1e4])
def test_a_log_mean_that_no_count_has_is_bounded_and_comes_back(log_mean):
    likelihood, features = NegativeBinomial((2,), projection=None), tf.constant([[log_mean, 1.0]])
    likelihood.build((None, 2))
    with tf.GradientTape() as tape:
        tape.watch(features)
        p = likelihood.distribution(likelihood.parameters(features))
        loss = -p.log_prob([[3.0, 2.0]])
    np.testing.assert_allclose(p.mean()[0], np.exp([np.clip(log_mean, -30, 30), 1]), rtol=1e-5)
    gradient = tape.gradient(loss, features).numpy()[0]
    assert np.isfinite(loss).all()
    assert gradient[0] * log_mean > 0  # back towards the counts
