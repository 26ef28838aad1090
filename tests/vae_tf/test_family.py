"""What posteriors and priors say of themselves: a method for what a caller needs, and no flag to dig behind."""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors
from vae_tf.family import Factorised, Family, Given, WithCovariance
from vae_tf.spaces import Real, Sphere, WholeNumbers

D = 3
FAMILIES = {
    "DiagonalNormal": posteriors.DiagonalNormal,
    "FullCovarianceNormal": posteriors.FullCovarianceNormal,
    "InverseAutoregressiveFlow": posteriors.InverseAutoregressiveFlow,
    "PowerSpherical": posteriors.PowerSpherical,
    "Deterministic": posteriors.Deterministic,
    "RelativeNormal": posteriors.RelativeNormal,
    "VectorQuantized": posteriors.VectorQuantized,
    "FiniteScalarQuantized": posteriors.FiniteScalarQuantized,
    "RelaxedCategorical": posteriors.RelaxedCategorical,
    "UniformCodes": priors.UniformCodes,
    "StandardNormal": priors.StandardNormal,
    "ConditionalNormal": priors.ConditionalNormal,
    "MixtureOfNormals": priors.MixtureOfNormals,
    "VampPrior": priors.VampPrior,
    "AutoregressiveFlow": priors.AutoregressiveFlow,
    "SphericalUniform": priors.SphericalUniform,
    "Hierarchical": lambda size: priors.Hierarchical(
        VAE(*networks.mlp((size,), latent_size=2, hidden=(4,)), likelihood=likelihoods.Normal((size,)))
    ),
}
FACTORISED = {"DiagonalNormal", "RelativeNormal", "StandardNormal", "ConditionalNormal"}
WITH_COVARIANCE = {"DiagonalNormal", "RelativeNormal", "FullCovarianceNormal"}
SPACES = {
    **dict.fromkeys(("PowerSpherical", "SphericalUniform"), Sphere),
    **dict.fromkeys(("VectorQuantized", "FiniteScalarQuantized", "RelaxedCategorical", "UniformCodes"), WholeNumbers),
}
FLAGS = ("doubly_reparameterises", "draws_from_prior", "is_normal", "is_spherical", "is_factorised")


def test_no_family_is_left_out():
    assert set(FAMILIES) == {*posteriors.__all__, *priors.__all__} - {"Posterior", "Prior", "Quantized"}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_what_it_has_the_methods_of(name):
    family = FAMILIES[name](D)
    assert isinstance(family, Family)
    assert isinstance(family, Factorised) == (name in FACTORISED)
    assert isinstance(family, WithCovariance) == (name in WITH_COVARIANCE)
    assert type(family.space) is SPACES.get(name, Real)
    assert (family.space.shape, family.space.size, family.output_shape) == ((D,), D, (None, D))


@pytest.mark.parametrize("name", sorted(FACTORISED | WITH_COVARIANCE))
def test_the_marginals_and_the_covariance_are_those_of_the_distribution(name, rng):
    family = FAMILIES[name](D)
    family.build((None, 4))
    family.set_weights([rng.normal(0, 0.5, weight.shape) for weight in family.get_weights()])
    prior = lambda: tfd.Independent(tfd.Normal(tf.zeros([D]), tf.ones([D])), 1)  # noqa: E731
    given = Given(tf.constant(rng.normal(size=(5, 4)), tf.float32), prior=prior)
    distribution = family.distribution(family.parameters(given))
    z = family.draw(distribution, tf.constant(rng.normal(size=(5, D)), tf.float32))
    if name in FACTORISED:
        marginals = family.marginals(distribution)
        assert marginals.event_shape == ()
        log_prob = tf.reduce_sum(marginals.log_prob(z), axis=-1)
        np.testing.assert_allclose(log_prob, distribution.log_prob(z), rtol=1e-5)
    if name in WITH_COVARIANCE:
        units = tf.tile(tf.eye(D)[:, None], [1, 5, 1])
        linear = (family.draw(distribution, units) - family.draw(distribution, tf.zeros([5, D]))).numpy()  # z = A noise
        covariance = np.einsum("kbi,kbj->bij", linear, linear)  # A A^T
        np.testing.assert_allclose(family.covariance(distribution), covariance, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [posteriors, priors, objectives, likelihoods], ids=lambda axis: axis.__name__)
def test_no_class_has_a_flag_that_callers_would_dig_behind(axis):
    for name, kind in inspect.getmembers(axis, inspect.isclass):
        assert [flag for flag in FLAGS if hasattr(kind, flag)] == [], name
