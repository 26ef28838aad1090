import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, posteriors, priors
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
        Reconstruction().check(posteriors.DiagonalNormal(2), priors.StandardNormal(2))
    Reconstruction().check(posteriors.Deterministic(2), priors.StandardNormal(2))


def test_an_elbo_refuses_a_posterior_without_a_density():
    with pytest.raises(InputError, match=r"Deterministic has no density.*use objectives\.Reconstruction\(\), or"):
        ELBO().check(posteriors.Deterministic(2), priors.StandardNormal(2))
    ELBO().check(posteriors.DiagonalNormal(2), priors.StandardNormal(2))


def test_beta_weighs_the_size_of_the_codes(make_vae, binary):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=Reconstruction(beta=0.3))
    terms = vae.terms(binary, tf.zeros([1, len(binary), 0]))
    values = vae.objective(terms, tf.constant(0))
    size = (vae.posterior.code(vae.encode(binary)).numpy() ** 2).sum(axis=-1)
    np.testing.assert_allclose(values["loss"], values["distortion"] + 0.15 * size, rtol=1e-5)


def test_a_prior_that_would_not_be_trained_is_refused(make_vae):
    prior = priors.MixtureOfNormals(2)
    with pytest.raises(InputError, match=r"does not train the prior, so MixtureOfNormals would stay as it starts"):
        make_vae(posterior=posteriors.Deterministic(2), prior=prior, objective=Reconstruction())
    prior.trainable = False
    make_vae(posterior=posteriors.Deterministic(2), prior=prior, objective=Reconstruction())
