import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError
from vae_tf.family import Given
from vae_tf.priors import MixtureOfNormals

DRAWS = 50_000


def make(latent_size: int, components: int, rng) -> MixtureOfNormals:
    prior = MixtureOfNormals(latent_size, components)
    prior.build(None)
    prior.logits.assign(rng.normal(size=components))
    prior.loc.assign(2 * rng.normal(size=(components, latent_size)))
    prior.log_scale.assign(0.5 * rng.normal(size=(components, latent_size)))
    return prior


def by_hand(prior):
    """weight [M], loc [M, D], scale [M, D]."""
    return special.softmax(np.float64(prior.logits)), np.float64(prior.loc), np.exp(np.float64(prior.log_scale))


def test_the_density_is_that_of_scipy(rng):
    prior = make(3, 4, rng)
    weight, loc, scale = by_hand(prior)
    z = 2 * rng.normal(size=(7, 5, 3)).astype(np.float32)
    p = prior.distribution({})
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    log_probs = stats.norm.logpdf(z[..., None, :], loc, scale).sum(axis=-1)
    np.testing.assert_allclose(p.log_prob(z), special.logsumexp(log_probs, axis=-1, b=weight), rtol=1e-4, atol=1e-5)


def test_the_density_of_one_dimension_integrates_to_1(rng):
    grid = np.linspace(-30, 30, 20_001, dtype=np.float32)
    density = np.exp(make(1, 4, rng).distribution({}).log_prob(grid[:, None]))
    np.testing.assert_allclose(np.float64(density).sum() * 60 / 20_000, 1, atol=1e-4)


def test_the_normals_start_alike_in_weight_and_of_scale_1_around_different_places():
    prior = MixtureOfNormals(3, components=200)
    prior.build(None)
    weight, loc, scale = by_hand(prior)
    np.testing.assert_allclose(weight, 1 / 200)
    np.testing.assert_array_equal(scale, 1)
    assert stats.kstest(loc.ravel(), "norm").pvalue > 0.01


def test_a_draw_is_that_of_the_component_that_its_first_noise_chooses(rng):
    prior = make(3, 4, rng)
    weight, loc, scale = by_hand(prior)
    noise = rng.normal(size=(DRAWS, 4)).astype(np.float32)
    m = np.searchsorted(np.cumsum(weight), stats.norm.cdf(np.float64(noise[:, 0]))).clip(max=3)
    z = prior.generate(Given(), tf.constant(noise))
    wrong = np.abs(z - (loc[m] + scale[m] * noise[:, 1:])).max(axis=-1) > 1e-4
    assert wrong.mean() < 1e-4  # at an edge, float32 may choose the neighbour
    frequencies = np.bincount(m, minlength=4) / DRAWS
    assert (np.abs(frequencies - weight) < 4 * np.sqrt(weight * (1 - weight) / DRAWS)).all()


def test_draws_have_the_mean_and_the_covariance_of_the_mixture(rng):
    prior = make(3, 4, rng)
    weight, loc, scale = by_hand(prior)
    mean = weight @ loc
    centred = loc - mean
    covariance = (weight[:, None] * centred).T @ centred + np.diag(weight @ scale**2)
    z = np.float64(prior.generate(Given(), tf.constant(rng.normal(size=(DRAWS, 4)), tf.float32)))
    products = (z - mean)[:, :, None] * (z - mean)[:, None]
    assert (np.abs(z.mean(axis=0) - mean) < 4 * z.std(axis=0) / np.sqrt(DRAWS)).all()
    assert (np.abs(products.mean(axis=0) - covariance) < 4 * products.std(axis=0) / np.sqrt(DRAWS)).all()


def test_it_starts_at_codes_and_as_wide_as_they_are(rng):
    prior = make(3, 4, rng)
    codes = (rng.normal(size=(500, 3)) * [0.1, 1.0, 10.0] + [5.0, 0.0, -5.0]).astype(np.float32)
    prior.start_near(codes)
    loc = prior.loc.numpy()
    assert np.isin(loc, codes).all()
    assert len(np.unique(loc, axis=0)) == 4
    np.testing.assert_allclose(np.exp(prior.log_scale), np.tile(codes.std(axis=0), (4, 1)), rtol=1e-3)


def test_it_starts_in_every_far_away_cluster(rng):
    prior = make(2, 4, rng)
    centres = 1000 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    codes = (np.repeat(centres, [970, 10, 10, 10], axis=0) + rng.normal(size=(1000, 2))).astype(np.float32)
    prior.start_near(codes)
    starts = np.round(prior.loc / 1000)
    np.testing.assert_array_equal(np.unique(starts, axis=0), centres / 1000)


@pytest.mark.parametrize("distinct", [1, 2])
def test_it_starts_at_fewer_distinct_codes_than_components(distinct, rng):
    prior = make(3, 4, rng)
    codes = np.tile(rng.normal(size=(distinct, 3)).astype(np.float32), (50, 1))
    prior.start_near(codes)
    assert len(np.unique(prior.loc, axis=0)) == distinct
    assert np.isfinite(prior.distribution({}).log_prob(codes)).all()


@pytest.mark.parametrize("components", [0, -1])
def test_a_mixture_of_nothing_is_refused(components):
    with pytest.raises(
        InputError, match=f"MixtureOfNormals got components={components}: give a whole number of at least 1"
    ):
        MixtureOfNormals(3, components)
