import numpy as np
import pytest
from scipy import stats

from vae_tf import InputError, random
from vae_tf.family import Given
from vae_tf.priors import StandardNormal


def seeds(seed: int, count: int) -> np.ndarray:
    return np.stack([np.full(count, seed), np.arange(count)], axis=1)


def test_density(rng):
    p = StandardNormal(3).distribution({})
    z = rng.normal(size=(7, 5, 3)).astype(np.float32)
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    np.testing.assert_allclose(p.log_prob(z), stats.norm.logpdf(z).sum(axis=-1), rtol=1e-5)


def test_draws_are_the_noise(rng):
    noise = rng.normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(StandardNormal(3).generate(Given(), noise), noise)


def rows(prior, seeds) -> np.ndarray:
    """A draw by each of the seeds."""
    return prior.generate(Given(), random.normal_rows([prior.noise_size], seeds)).numpy()


def test_draws_are_standard_normal_and_independent():
    z = rows(StandardNormal(3), seeds(7, 500))
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01
    correlation = np.corrcoef(np.concatenate([z[:-1], z[1:]], axis=1).T)  # dimensions, and neighbouring rows
    assert np.abs(correlation - np.eye(6)).max() < 4 / np.sqrt(500)


def test_a_row_depends_on_its_own_seed_alone():
    prior = StandardNormal(3)
    together = rows(prior, seeds(7, 64))
    np.testing.assert_array_equal(rows(prior, seeds(7, 64)[11:12]), together[11:12])
    np.testing.assert_array_equal(rows(prior, seeds(7, 64)[::-1]), together[::-1])
    assert len(np.unique(together)) == together.size
    assert not np.isin(rows(prior, seeds(8, 64)), together).any()


def test_an_empty_code_is_refused():
    with pytest.raises(InputError, match="StandardNormal got latent_size=0: give a whole number of at least 1"):
        StandardNormal(0)
