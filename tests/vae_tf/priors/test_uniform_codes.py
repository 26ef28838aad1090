import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import InputError, posteriors, priors
from vae_tf.family import Given


@pytest.fixture
def prior() -> priors.UniformCodes:
    prior = priors.UniformCodes((2, 2), codes=3)
    prior.build((None, 5))
    return prior


def test_the_probabilities_of_all_codes_sum_to_1(prior):
    codes = np.array(list(itertools.product(range(3), repeat=4)), np.float32)
    p = prior.distribution(prior.parameters(Given()))
    np.testing.assert_allclose(np.exp(p.log_prob(codes)).sum(), 1, rtol=1e-5)


def test_what_is_no_code_has_no_probability(prior):
    p = prior.distribution({})
    bad = np.array([[0, 0, 0, 0.5], [0, 0, 0, 3], [0, 0, -1, 0], [0, np.nan, 0, 0]], np.float32)
    assert np.isneginf(p.log_prob(bad)).all()


def test_draws_are_uniform(prior):
    drawn = prior.generate(Given(), tf.random.stateless_normal([3_000, 4], [1, 2])).numpy()
    _, counts = np.unique(drawn, return_counts=True)
    assert len(counts) == 3
    assert stats.chisquare(counts).pvalue > 1e-3
    np.testing.assert_array_equal(prior.generate(Given(), tf.constant([[-99.0, 99.0, 0.0, 0.0]]))[0, :2], [0, 2])


def test_a_posterior_of_other_codes_is_refused(prior):
    with pytest.raises(InputError, match="has 4 codes and UniformCodes has 3"):
        prior.check(posteriors.VectorQuantized((2, 2), codes=4))
    with pytest.raises(InputError, match="The codes of DiagonalNormal"):
        prior.check(posteriors.DiagonalNormal((2, 2)))
