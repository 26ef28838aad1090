import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError, priors
from vae_tf.family import Given
from vae_tf.posteriors import PowerSpherical
from vae_tf.posteriors.power_spherical import _logit_of_beta

DRAWS = 20_000
KAPPA = np.float32([1, 2, 5, 10, 30, 100, 1000, 5000])
NOISE = np.linspace(-4, 4, 81, dtype=np.float32)


def around(loc, concentration):
    """q around the directions `loc` [B, D], and the posterior it is of."""
    loc = np.atleast_2d(np.float32(loc))
    loc /= np.linalg.norm(loc, axis=-1, keepdims=True)
    concentration = np.broadcast_to(np.float32(concentration), len(loc))
    posterior = PowerSpherical(loc.shape[1])
    return posterior, posterior.distribution(
        {"loc": tf.constant(loc), "concentration": tf.constant(np.array(concentration))}
    )


@pytest.fixture
def normals(rng):
    return lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)


def test_the_parameters_are_a_direction_and_a_concentration_above_1(rng):
    posterior = PowerSpherical(3)
    posterior.build((None, 2, 4))
    features = rng.normal(size=(5, 2, 4)).astype(np.float32)
    parameters = posterior.parameters(Given(features))
    (w, b), (u, c) = posterior.loc.get_weights(), posterior.concentration.get_weights()
    flat = features.reshape(5, 8)
    direction = flat @ w + b
    expected = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    np.testing.assert_allclose(parameters["loc"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(parameters["concentration"], np.logaddexp(0, flat @ u + c)[:, 0] + 1, rtol=1e-4)
    np.testing.assert_array_equal(posterior.code(posterior.distribution(parameters)), parameters["loc"])


# ----- the density


@pytest.mark.parametrize("concentration", [1.0, 3.7, 50.0])
def test_the_density_integrates_to_1_over_the_circle(concentration):
    _, q = around([0.6, -0.8], concentration)
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    density = np.exp(q.log_prob(np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None].astype(np.float32)))
    np.testing.assert_allclose(2 * np.pi * density.mean(), 1, rtol=1e-4)


@pytest.mark.parametrize("concentration", [1.0, 3.7, 50.0])
def test_the_density_integrates_to_1_over_the_sphere(concentration):
    _, q = around([0.6, 0.48, -0.64], concentration)
    height, weight = np.polynomial.legendre.leggauss(100)  # areas of equal height are equal
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    height, angle = np.meshgrid(height, angle, indexing="ij")
    width = np.sqrt(1 - height**2)
    z = np.stack([width * np.cos(angle), width * np.sin(angle), height], axis=-1).reshape(-1, 1, 3)
    density = np.exp(q.log_prob(z.astype(np.float32))).reshape(100, 200)
    np.testing.assert_allclose(2 * np.pi * (weight * density.mean(axis=1)).sum(), 1, rtol=1e-4)


def test_the_density_is_the_formula(normals):
    loc = np.array([0.6, 0.0, -0.8])
    posterior, q = around(loc, 4.0)
    z = np.float64(posterior.draw(q, normals(20, 1, 3)))
    # The constant is that of equation 2 of De Cao and Aziz (2020).
    alpha, beta = 1 + 4.0, 1.0
    constant = (
        (alpha + beta) * np.log(2) + beta * np.log(np.pi) + special.gammaln(alpha) - special.gammaln(alpha + beta)
    )
    np.testing.assert_allclose(q.log_prob(np.float32(z)), 4.0 * np.log1p(z @ loc) - constant, rtol=1e-3, atol=1e-4)


# ----- draws


@pytest.mark.parametrize("latent_size", [2, 3, 10])
@pytest.mark.parametrize("concentration", [1.0, 30.0])
def test_draws_lie_on_the_sphere_and_their_cosine_is_that_of_a_beta(latent_size, concentration, rng, normals):
    loc = rng.normal(size=latent_size)
    posterior, q = around(loc, concentration)
    z = np.float64(posterior.draw(q, normals(DRAWS, 1, latent_size)))[:, 0]
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-5)
    half = (latent_size - 1) / 2
    share = (1 + z @ loc / np.linalg.norm(loc)) / 2
    assert stats.kstest(share, stats.beta(half + concentration, half).cdf).pvalue > 0.01


@pytest.mark.parametrize("loc", [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0.01, -0.6, 0.8], [-0.01, -0.6, 0.8]])
def test_draws_are_around_loc_wherever_it_points(loc, normals):
    posterior, q = around(loc, 5.0)
    unit = q.mean_direction.numpy()[0]
    noise = normals(DRAWS, 1, 3)
    with tf.GradientTape() as tape:
        tape.watch([q.mean_direction, q.concentration])
        z = posterior.draw(q, noise)
    for gradient in tape.gradient(z, [q.mean_direction, q.concentration]):
        assert np.isfinite(gradient).all()
    z = np.float64(z)[:, 0]
    standard_error = z.std(axis=0) / np.sqrt(DRAWS)
    assert (np.abs(z.mean(axis=0) - unit * 5 / 7) < 4 * standard_error + 1e-6).all()  # kappa / (D - 1 + kappa)
    sideways = z - (z @ unit)[:, None] * unit  # as wide in all directions at a right angle to loc
    variances = np.linalg.eigvalsh(np.cov(sideways.T))
    np.testing.assert_allclose(variances[1], variances[2], rtol=0.05)


@pytest.mark.parametrize("latent_size", [2, 3, 10])
def test_the_mean_and_the_deviation_are_those_of_the_draws(latent_size, rng, normals):
    posterior, q = around(rng.normal(size=(4, latent_size)), [1.0, 3.0, 20.0, 300.0])
    z = np.float64(posterior.draw(q, normals(DRAWS, 4, latent_size)))
    centred = (z - z.mean(axis=0)) ** 2
    mean_error = z.std(axis=0) / np.sqrt(DRAWS)
    variance_error = centred.std(axis=0) / np.sqrt(DRAWS)
    assert (np.abs(z.mean(axis=0) - q.mean()) < 4 * mean_error).all()
    assert (np.abs(centred.mean(axis=0) - np.square(posterior.stddev(q))) < 4 * variance_error).all()


@pytest.mark.parametrize("latent_size", [2, 3, 10])
def test_the_quantiles_and_their_gradient_are_those_of_scipy(latent_size):
    half = (latent_size - 1) / 2
    shape = (len(NOISE), len(KAPPA))
    noise, kappa = (np.broadcast_to(values, shape).ravel() for values in (NOISE[:, None], KAPPA))
    concentration = tf.constant(kappa)
    with tf.GradientTape() as tape:
        tape.watch(concentration)
        logit = _logit_of_beta(concentration, half, tf.constant(noise[None]))[0]
        quantile = tf.sigmoid(logit)
    gradient = tape.gradient(quantile, concentration)

    noise, alpha = np.float64(noise), half + np.float64(kappa)
    below, above = stats.norm.cdf(noise), stats.norm.sf(noise)
    expected = np.log(stats.beta.ppf(below, alpha, half)) - np.log(stats.beta.ppf(above, half, alpha))
    np.testing.assert_allclose(logit, expected, rtol=1e-5, atol=1e-3 if latent_size == 2 else 2e-4)

    step = 1e-4 * alpha
    finite = (stats.beta.ppf(below, alpha + step, half) - stats.beta.ppf(below, alpha - step, half)) / (2 * step)
    error = np.abs(gradient - finite).reshape(shape).max(axis=0) / np.abs(finite).reshape(shape).max(axis=0)
    assert error.max() < (5e-3 if latent_size == 2 else 1e-3)


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("latent_size", [2, 3, 10])
def test_the_gradient_of_an_expectation_is_that_of_its_closed_form(latent_size, opposite, rng, normals):
    w, c = (tf.constant(rng.normal(size=latent_size), tf.float32) for _ in range(2))
    w = -tf.one_hot(0, latent_size) if opposite else w  # -e_1, from which no single reflection of e_1 is smooth
    posterior = PowerSpherical(latent_size)
    variables = [tf.tile(w[None], [DRAWS, 1]), tf.fill([DRAWS], 3.0)]  # one row for each draw
    with tf.GradientTape() as tape:
        tape.watch(variables)
        loc = tf.math.l2_normalize(variables[0], axis=-1)
        q = posterior.distribution({"loc": loc, "concentration": variables[1]})
        values = tf.linalg.matvec(posterior.draw(q, normals(1, DRAWS, latent_size))[0], c)
    estimates = tape.gradient(values, variables)

    # E[z] = kappa / (D - 1 + kappa) loc, and c is projected to the sphere's tangent for the gradient in w.
    w, c, kappa, size = np.float64(w), np.float64(c), 3.0, latent_size - 1
    loc, norm = w / np.linalg.norm(w), np.linalg.norm(w)
    expected = [kappa / (size + kappa) * (c - loc * (loc @ c)) / norm, loc @ c * size / (size + kappa) ** 2]
    for estimate, value in zip(estimates, expected, strict=True):
        estimate = np.float64(estimate)  # noqa: PLW2901
        standard_error = estimate.std(axis=0) / np.sqrt(DRAWS)
        assert (standard_error < 0.05).all()
        assert (np.abs(estimate.mean(axis=0) - value) < 4 * standard_error + 1e-4).all()


def test_xla_draws_what_eager_tensorflow_draws(rng, normals):
    loc = tf.math.l2_normalize(normals(4, 5), axis=-1)
    parameters = {"loc": loc, "concentration": tf.constant([1.0, 3.0, 20.0, 3000.0])}
    posterior, noise = PowerSpherical(5), normals(7, 4, 5)

    def draw(parameters, noise):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            z = posterior.draw(posterior.distribution(parameters), noise)
            total = tf.reduce_sum(z[..., 0])
        return z, tape.gradient(total, parameters)

    for one, other in zip(
        tf.nest.flatten(tf.function(draw, jit_compile=True)(parameters, noise)),
        tf.nest.flatten(draw(parameters, noise)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-5)


# ----- the rate


@pytest.mark.parametrize("latent_size", [2, 3, 10])
def test_the_rate_to_the_uniform_prior_agrees_with_monte_carlo(latent_size, rng, normals):
    posterior, q = around(rng.normal(size=(4, latent_size)), [1.0, 3.0, 20.0, 300.0])
    p = priors.SphericalUniform(latent_size).distribution({})
    z = posterior.draw(q, normals(DRAWS, 4, latent_size))
    log_ratios = np.float64(q.log_prob(z) - p.log_prob(z))
    standard_error = log_ratios.std(axis=0) / np.sqrt(DRAWS)
    assert standard_error.max() < 0.05
    assert (np.abs(log_ratios.mean(axis=0) - q.kl_divergence(p)) < 4 * standard_error).all()


HIGH = np.float32([1, 1.5, 3, 20, 300, 1e4, 1e6, 1e8])


@pytest.mark.parametrize("latent_size", [2, 3, 4, 5, 10, 11, 64])
def test_the_rate_and_the_entropy_are_those_of_float64_at_any_concentration(latent_size):
    _, q = around(np.tile(np.eye(1, latent_size), [len(HIGH), 1]), HIGH)
    kappa, half = np.float64(HIGH), (latent_size - 1) / 2
    alpha = half + kappa
    log_area = np.log(2) + latent_size / 2 * np.log(np.pi) - special.gammaln(latent_size / 2)
    normaliser = 2 * half * np.log(2) + half * np.log(np.pi) + special.gammaln(alpha) - special.gammaln(alpha + half)
    entropy = normaliser - kappa * (special.digamma(alpha) - special.digamma(alpha + half))  # De Cao and Aziz, 3.2
    p = priors.SphericalUniform(latent_size).distribution({})
    np.testing.assert_allclose(q.kl_divergence(p), log_area - entropy, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(q.entropy(), entropy, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("concentration", [1e2, 1e5, 1e8, 1e10, 1e15])
def test_on_the_sphere_of_three_dimensions_the_rate_is_elementary(concentration):
    p = priors.SphericalUniform(3).distribution({})
    kappa = np.float64(np.float32(concentration))
    variable = tf.constant([concentration])
    with tf.GradientTape() as tape:
        tape.watch(variable)
        q = PowerSpherical(3).distribution({"loc": tf.constant([[0.6, 0.0, -0.8]]), "concentration": variable})
        rate = q.kl_divergence(p)
    np.testing.assert_allclose(rate, [np.log1p(kappa) - kappa / (1 + kappa)], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(rate, variable), [kappa / (1 + kappa) ** 2], rtol=1e-5)


@pytest.mark.parametrize("latent_size", [2, 3, 10])
@pytest.mark.parametrize("concentration", [1e4, 1e6, 1e8])
def test_draws_at_a_high_concentration_agree_with_the_rate_and_the_deviation(latent_size, concentration, rng, normals):
    posterior, q = around(rng.normal(size=latent_size), concentration)
    p = priors.SphericalUniform(latent_size).distribution({})
    z = posterior.draw(q, normals(DRAWS, 1, latent_size))
    log_ratios = np.float64(q.log_prob(z) - p.log_prob(z))
    standard_error = log_ratios.std() / np.sqrt(DRAWS)
    assert abs(log_ratios.mean() - float(q.kl_divergence(p)[0])) < 4 * standard_error + 1e-3
    deviations = np.float64(z[:, 0] - z[:1, 0]).std(axis=0)  # less one of them, for float64 has the digits
    np.testing.assert_allclose(posterior.stddev(q)[0], deviations, rtol=0.05)


def test_the_deviation_is_a_number_where_loc_is_an_axis(rng):
    for concentration in (1e2, 1e6, 1e8, 1e10):
        posterior, q = around(np.eye(5), concentration)
        deviation = posterior.stddev(q).numpy()
        assert np.isfinite(deviation).all()
        kappa = float(np.float32(concentration))
        along = np.sqrt((2 * kappa + 4) * 4 / ((kappa + 4) ** 2 * (kappa + 5)))  # the variance of t
        np.testing.assert_allclose(np.diag(deviation), along, rtol=1e-4)


def test_the_concentration_is_bounded_and_comes_back():
    posterior = PowerSpherical(3)
    posterior.build((None, 1))
    posterior.concentration.set_weights([np.ones((1, 1)), np.zeros(1)])
    features = tf.constant([[0.0], [1e9], [1e20]])
    with tf.GradientTape() as tape:
        tape.watch(features)
        concentration = posterior.parameters(Given(features))["concentration"]
    np.testing.assert_allclose(concentration, [1 + np.log(2), 1e9, 1e10], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(concentration, features)[:, 0], [0.5, 1, 1])


# ----- the rest


def test_the_nearest_code_is_on_the_sphere(rng):
    z = rng.normal(size=(7, 5, 3)).astype(np.float32)
    expected = z / np.linalg.norm(z, axis=-1, keepdims=True)
    np.testing.assert_allclose(PowerSpherical(3).space.nearest(z), expected, rtol=1e-5)


def test_one_dimension_has_no_sphere():
    with pytest.raises(InputError, match="PowerSpherical got latent_size=1: a sphere needs at least 2 dimensions"):
        PowerSpherical(1)


def test_the_config_makes_the_posterior_again():
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(PowerSpherical(4, name="q")))
    assert (type(again), again.latent_size, again.name) == (PowerSpherical, 4, "q")
