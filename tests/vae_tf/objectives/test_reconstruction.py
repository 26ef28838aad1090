import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, posteriors
from vae_tf.objectives import ELBO, Reconstruction
from vae_tf.terms import Terms


def test_the_loss_is_the_distortion(rng):
    log_likelihood = rng.normal(size=(1, 5)).astype(np.float32)
    values = Reconstruction()(Terms((), tf.constant(log_likelihood)), tf.constant(0))
    assert values.keys() == Reconstruction.directions.keys() == {"loss", "distortion"}
    np.testing.assert_array_equal(values["loss"], -log_likelihood[0])
    np.testing.assert_array_equal(values["distortion"], -log_likelihood[0])


def test_a_posterior_with_a_density_is_refused():
    with pytest.raises(InputError, match=r"ignores the rate of DiagonalNormal: use posteriors\.Deterministic"):
        Reconstruction().check(posteriors.DiagonalNormal(2))
    Reconstruction().check(posteriors.Deterministic(2))


def test_an_elbo_refuses_a_posterior_without_a_density():
    with pytest.raises(InputError, match=r"Deterministic has no density.*use objectives\.Reconstruction\(\), or"):
        ELBO().check(posteriors.Deterministic(2))
    ELBO().check(posteriors.DiagonalNormal(2))
