import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import InputError
from vae_tf.family import Given
from vae_tf.posteriors import DiagonalNormal


@pytest.fixture
def posterior(rng):
    posterior = DiagonalNormal(3)
    posterior.build((None, 2, 4))
    posterior.loc.set_weights([rng.normal(size=(8, 3)), rng.normal(size=3)])
    posterior.log_variance.set_weights([0.2 * rng.normal(size=(8, 3)), 0.2 * rng.normal(size=3)])
    return posterior


@pytest.fixture
def features(rng):
    return rng.normal(size=(5, 2, 4)).astype(np.float32)


def by_hand(posterior, features):
    flat = features.reshape(5, 8)
    (w, b), (u, c) = posterior.loc.get_weights(), posterior.log_variance.get_weights()
    return flat @ w + b, np.exp((flat @ u + c) / 2)


def test_density_and_draws_are_those_of_the_formula(posterior, features, rng):
    loc, scale = by_hand(posterior, features)
    q = posterior.distribution(posterior.parameters(Given(features)))
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))

    noise = rng.normal(size=(7, 5, 3)).astype(np.float32)
    z = posterior.draw(q, noise)
    np.testing.assert_allclose(z, loc + scale * noise, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(q.log_prob(z), stats.norm.logpdf(z, loc, scale).sum(axis=-1), rtol=1e-4, atol=1e-5)


def test_the_second_projection_may_give_the_logarithm_of_the_scale(posterior, features):
    other = DiagonalNormal(3, spread="log_scale")
    other.build((None, 2, 4))
    kernel, bias = posterior.log_variance.get_weights()
    other.loc.set_weights(posterior.loc.get_weights())
    other.log_scale.set_weights([kernel / 2, bias / 2])
    expected = posterior.parameters(Given(features))
    for name, values in other.parameters(Given(features)).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5)
    assert DiagonalNormal.from_config(other.get_config()).spread == "log_scale"


def test_another_spread_is_refused():
    with pytest.raises(InputError, match='spread=\'variance\': give "log_variance" or "log_scale"'):
        DiagonalNormal(3, spread="variance")


def test_the_code_is_the_mean(posterior, features):
    q = posterior.distribution(posterior.parameters(Given(features)))
    np.testing.assert_allclose(posterior.code(q), by_hand(posterior, features)[0], rtol=1e-4, atol=1e-5)


def test_draws_carry_gradients_to_both_parameters(posterior):
    parameters = {"loc": tf.zeros([1, 3]), "scale": tf.ones([1, 3])}
    noise = tf.constant([[[1.0, -2.0, 3.0]]])
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        z = posterior.draw(posterior.distribution(parameters), noise)
    gradients = tape.gradient(z, parameters)
    np.testing.assert_array_equal(gradients["loc"], [[1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(gradients["scale"], noise[0])


def test_it_needs_one_normal_a_dimension():
    assert DiagonalNormal(3).noise_size == 3
    assert DiagonalNormal(3).has_density


@pytest.mark.parametrize("latent_size", [0, -2])
def test_an_empty_code_is_refused(latent_size):
    with pytest.raises(
        InputError, match=f"DiagonalNormal got latent_size={latent_size}: give a whole number of at least 1"
    ):
        DiagonalNormal(latent_size)
