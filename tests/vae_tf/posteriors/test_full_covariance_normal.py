import logging

import numpy as np
import pytest
from scipy import stats

from vae_tf import divergence, priors
from vae_tf.family import Given
from vae_tf.latents import Latent
from vae_tf.posteriors import FullCovarianceNormal

DRAWS = 20_000


@pytest.fixture
def posterior(rng):
    posterior = FullCovarianceNormal(3)
    posterior.build((None, 2, 4))
    posterior.loc.set_weights([0.5 * rng.normal(size=(8, 3)), rng.normal(size=3)])
    posterior.scale_tril.set_weights([0.2 * rng.normal(size=(8, 6)), 0.3 * rng.normal(size=6)])
    return posterior


@pytest.fixture
def q(posterior, rng):
    features = rng.normal(size=(5, 2, 4)).astype(np.float32)
    return posterior.distribution(posterior.parameters(Given(features)))


@pytest.fixture
def loc(q):
    return np.float64(q.loc)


@pytest.fixture
def covariance(q):
    scale_tril = np.float64(q.scale_tril)
    return scale_tril @ scale_tril.transpose(0, 2, 1)


@pytest.fixture
def noise(rng):
    return rng.normal(size=(DRAWS, 5, 3)).astype(np.float32)


def test_the_factor_is_lower_triangular_with_a_positive_diagonal_and_depends_on_x(posterior, q, rng):
    scale_tril = q.scale_tril.numpy()
    np.testing.assert_array_equal(scale_tril, np.tril(scale_tril))
    assert (np.diagonal(scale_tril, axis1=1, axis2=2) > 0).all()
    assert np.abs(scale_tril[:, [1, 2, 2], [0, 0, 1]]).min() > 1e-3
    assert np.ptp(scale_tril, axis=0)[np.tril_indices(3)].min() > 1e-2


def test_the_parameters_are_those_of_the_formula(posterior, rng):
    features = rng.normal(size=(5, 2, 4)).astype(np.float32)
    parameters = posterior.parameters(Given(features))
    (w, b), (u, c) = posterior.loc.get_weights(), posterior.scale_tril.get_weights()
    flat = features.reshape(5, 8)
    np.testing.assert_allclose(parameters["loc"], flat @ w + b, rtol=1e-4, atol=1e-5)
    scale_tril = parameters["scale_tril"].numpy()
    diagonal = np.diagonal(scale_tril, axis1=1, axis2=2)
    below = np.sqrt(3) * scale_tril[:, [1, 2, 2], [0, 0, 1]] / diagonal[:, [1, 2, 2]]  # in units of the diagonal
    found = np.sort(np.concatenate([np.log(diagonal), below], axis=1))  # each value of the projection has its place
    np.testing.assert_allclose(found, np.sort(flat @ u + c), rtol=1e-4, atol=1e-5)


def test_density_is_that_of_scipy(posterior, q, loc, covariance, noise):
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    z = posterior.draw(q, noise[:7]).numpy()
    expected = [stats.multivariate_normal(loc[b], covariance[b]).logpdf(z[:, b]) for b in range(5)]
    np.testing.assert_allclose(q.log_prob(z), np.transpose(expected), rtol=1e-4, atol=1e-4)


def test_draws_are_those_of_the_formula(posterior, q, loc, covariance, noise):
    expected = loc + np.einsum("bij,kbj->kbi", np.linalg.cholesky(covariance), noise[:7])
    np.testing.assert_allclose(posterior.draw(q, noise[:7]), expected, rtol=1e-4, atol=1e-5)


def test_draws_have_the_covariance(posterior, q, covariance, noise):
    z = np.float64(posterior.draw(q, noise))
    for b in range(5):
        variances = np.diag(covariance[b])
        standard_error = np.sqrt((np.outer(variances, variances) + covariance[b] ** 2) / DRAWS)
        assert (np.abs(np.cov(z[:, b].T) - covariance[b]) < 4 * standard_error).all()


def test_the_code_is_the_mean_and_the_deviation_that_of_the_covariance(posterior, q, loc, covariance):
    np.testing.assert_allclose(posterior.code(q), loc, rtol=1e-6)
    expected = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    np.testing.assert_allclose(posterior.stddev(q), expected, rtol=1e-5)


def test_the_rate_to_the_standard_normal_is_the_closed_form(q, loc, covariance):
    trace = np.trace(covariance, axis1=1, axis2=2)
    expected = 0.5 * (trace + (loc**2).sum(axis=-1) - 3 - np.linalg.slogdet(covariance)[1])
    p = priors.StandardNormal(3).distribution({})
    np.testing.assert_allclose(q.kl_divergence(p), expected, rtol=1e-5)


def test_monte_carlo_agrees_with_the_closed_form(posterior, q, noise):
    p = priors.StandardNormal(3).distribution({})
    z = posterior.draw(q, noise)
    log_ratios = (q.log_prob(z) - p.log_prob(z)).numpy()
    standard_error = log_ratios.std(axis=0) / np.sqrt(DRAWS)
    assert standard_error.max() < 0.1
    assert (np.abs(log_ratios.mean(axis=0) - q.kl_divergence(p)) < 4 * standard_error).all()


def test_the_rate_to_another_prior_is_estimated(posterior, q, noise, caplog):
    prior = priors.MixtureOfNormals(3, components=2)
    prior.build(None)
    p = prior.distribution({})
    with pytest.raises(NotImplementedError):
        q.kl_divergence(p)
    z = posterior.draw(q, noise[:10])
    with caplog.at_level(logging.WARNING, logger="vae_tf.divergence"):
        rate = divergence.rate((Latent(z, q, p),), "analytic")
    np.testing.assert_allclose(rate, np.mean(q.log_prob(z) - p.log_prob(z), axis=0), rtol=1e-5, atol=1e-5)
    assert "KL[FullCovarianceNormal || MixtureOfNormals] has no closed form" in caplog.text


def test_the_rate_to_a_product_that_is_not_of_normals_is_refused(q):
    from tensorflow_probability import distributions as tfd

    p = tfd.Independent(tfd.Laplace(np.zeros(3, np.float32), 1.0), 1)
    with pytest.raises(NotImplementedError, match="has no closed form"):
        q.kl_divergence(p)
