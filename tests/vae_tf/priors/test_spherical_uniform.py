import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError, posteriors, random
from vae_tf.family import Given
from vae_tf.priors import SphericalUniform


@pytest.mark.parametrize("latent_size", [2, 3, 10])
def test_the_density_is_one_over_the_area_of_the_sphere(latent_size, rng):
    p = SphericalUniform(latent_size).distribution({})
    assert (p.batch_shape, p.event_shape) == ((), (latent_size,))
    z = rng.normal(size=(7, 5, latent_size))
    z = (z / np.linalg.norm(z, axis=-1, keepdims=True)).astype(np.float32)
    expected = special.gammaln(latent_size / 2) - np.log(2) - latent_size / 2 * np.log(np.pi)
    np.testing.assert_allclose(p.log_prob(z), np.full((7, 5), expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("latent_size", [2, 3, 10])
def test_draws_are_uniform_on_the_sphere(latent_size, rng):
    noise = rng.normal(size=(20_000, latent_size)).astype(np.float32)
    z = SphericalUniform(latent_size).generate(Given(), tf.constant(noise)).numpy()
    np.testing.assert_allclose(z, noise / np.linalg.norm(noise, axis=-1, keepdims=True), rtol=1e-5)
    half = (latent_size - 1) / 2
    for coordinate in (z[:, 0], z @ np.full(latent_size, latent_size**-0.5)):  # (1 + z_1) / 2, and another direction
        assert stats.kstest((1 + coordinate) / 2, stats.beta(half, half).cdf).pvalue > 0.01


def test_a_row_depends_on_its_own_seed_alone():
    prior = SphericalUniform(3)
    seeds = np.stack([np.full(64, 7), np.arange(64)], axis=1)
    rows = lambda seeds: prior.generate(Given(), random.normal_rows([prior.noise_size], seeds)).numpy()  # noqa: E731
    together = rows(seeds)
    np.testing.assert_array_equal(rows(seeds[11:12]), together[11:12])


def test_one_dimension_has_no_sphere():
    with pytest.raises(InputError, match="SphericalUniform got latent_size=1: a sphere needs at least 2 dimensions"):
        SphericalUniform(1)


def test_codes_that_leave_the_sphere_are_refused():
    sentence = "SphericalUniform has density on the unit sphere alone.*codes of DiagonalNormal leave: use posteriors"
    with pytest.raises(InputError, match=sentence):
        SphericalUniform(3).check(posteriors.DiagonalNormal(3))
    SphericalUniform(3).check(posteriors.PowerSpherical(3))
