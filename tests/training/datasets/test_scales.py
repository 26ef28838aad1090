import warnings

import numpy as np
import pytest

from vae_tf import likelihoods
from vae_tf.training.datasets.scales import warn_if_apart


@pytest.fixture
def table(rng) -> np.ndarray:
    return (rng.normal(size=(50, 3)) * [0.01, 1, 1000]).astype(np.float32)


def test_columns_whose_scales_lie_apart_are_warned_of_under_one_scale(table):
    for likelihood in (likelihoods.Normal((3,)), likelihoods.Laplace((3,), scale=1.0)):
        with pytest.warns(UserWarning, match=r"go from 0\.0\d+ to \d+, and (Normal|Laplace) has one scale for all"):
            warn_if_apart(table, likelihood)


def test_others_are_not(table, rng):
    constant = np.concatenate([rng.normal(size=(50, 2)), np.ones((50, 1))], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_apart(table, likelihoods.Normal((3,), scale="predicted"))
        warn_if_apart(table / table.std(axis=0), likelihoods.Normal((3,)))
        warn_if_apart(constant, likelihoods.Normal((3,)))
        warn_if_apart(np.zeros((5, 3)), likelihoods.Normal((3,)))
        warn_if_apart(np.abs(table), likelihoods.NegativeBinomial((3,)))
        warn_if_apart(table[:, :, None], likelihoods.Normal((3, 1)))
