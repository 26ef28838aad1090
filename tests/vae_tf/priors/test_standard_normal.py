import numpy as np
import pytest
from scipy import stats

from vae_tf import InputError
from vae_tf.priors import StandardNormal


def seeds(seed: int, count: int) -> np.ndarray:
    return np.stack([np.full(count, seed), np.arange(count)], axis=1)


def test_density(rng):
    p = StandardNormal(3).distribution(encode=None)
    z = rng.normal(size=(7, 5, 3)).astype(np.float32)
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    np.testing.assert_allclose(p.log_prob(z), stats.norm.logpdf(z).sum(axis=-1), rtol=1e-5)


def test_draws_are_the_noise(rng):
    noise = rng.normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(StandardNormal(3).from_noise(noise, encode=None), noise)


def test_draws_are_standard_normal_and_independent():
    z = StandardNormal(3).draw(seeds(7, 500), encode=None).numpy()
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01
    correlation = np.corrcoef(np.concatenate([z[:-1], z[1:]], axis=1).T)  # dimensions, and neighbouring rows
    assert np.abs(correlation - np.eye(6)).max() < 4 / np.sqrt(500)


def test_a_row_depends_on_its_own_seed_alone():
    prior = StandardNormal(3)
    together = prior.draw(seeds(7, 64), encode=None).numpy()
    np.testing.assert_array_equal(prior.draw(seeds(7, 64)[11:12], encode=None), together[11:12])
    np.testing.assert_array_equal(prior.draw(seeds(7, 64)[::-1], encode=None), together[::-1])
    assert len(np.unique(together)) == together.size
    assert not np.isin(prior.draw(seeds(8, 64), encode=None), together).any()


def test_an_empty_code_is_refused():
    with pytest.raises(InputError, match="StandardNormal got latent_size=0: give a whole number of at least 1"):
        StandardNormal(0)
