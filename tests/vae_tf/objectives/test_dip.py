import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, posteriors, priors
from vae_tf.family import Given
from vae_tf.objectives import DIP, ELBO


@pytest.mark.parametrize("variant", ["i", "ii"])
@pytest.mark.parametrize("posterior", [posteriors.DiagonalNormal, posteriors.FullCovarianceNormal])
def test_the_covariance_is_drawn_to_the_identity(make_vae, binary, rng, variant, posterior):
    objective = DIP(variant=variant, off_diagonal=3.0, diagonal=5.0)
    vae = make_vae(latent_size=3, posterior=posterior(3), objective=objective)
    vae.posterior.set_weights([0.3 * rng.normal(size=weight.shape) for weight in vae.posterior.get_weights()])
    terms = vae.terms(binary, tf.random.stateless_normal([1, len(binary), 3], [1, 2]))
    q = terms.latents[0].posterior
    covariance = np.cov(q.mean().numpy().T, bias=True)
    if variant == "ii":
        z = np.float64(vae.posterior.draw(q, tf.random.stateless_normal([20_000, len(binary), 3], [3, 4])))
        covariance = np.cov(z.reshape(-1, 3).T)  # that of the aggregated posterior
    variances = np.diag(covariance)
    expected = 3 * ((covariance**2).sum() - (variances**2).sum()) + 5 * ((variances - 1) ** 2).sum()

    values = objective(terms, tf.constant(0))
    np.testing.assert_allclose(
        values["dependence"], np.full(len(binary), expected), rtol=1e-4 if variant == "i" else 0.02
    )
    elbo = ELBO()(terms, tf.constant(0))
    np.testing.assert_allclose(values["loss"], elbo["loss"] + values["dependence"], rtol=1e-5)
    assert values.keys() == DIP.directions.keys()


@pytest.mark.parametrize("posterior", [posteriors.DiagonalNormal, posteriors.FullCovarianceNormal])
def test_the_variants_differ_by_the_mean_covariance_of_the_posteriors(make_vae, binary, rng, posterior):
    vae = make_vae(latent_size=3, posterior=posterior(3))
    vae.posterior.set_weights([0.3 * rng.normal(size=weight.shape) for weight in vae.posterior.get_weights()])
    terms = vae.terms(binary, tf.zeros([1, len(binary), 3]))
    parameters = {name: value.numpy() for name, value in vae.posterior.parameters(Given(vae.encoder(binary))).items()}
    scale = parameters["scale_tril"] if "scale_tril" in parameters else [np.diag(row) for row in parameters["scale"]]
    within = np.mean([lower @ lower.T for lower in scale], axis=0)
    one, other = (DIP(variant=variant)._covariance(terms).numpy() for variant in ("i", "ii"))
    np.testing.assert_allclose(one, np.cov(parameters["loc"].T, bias=True), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(other - one, within, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("variant", ["i", "ii"])
def test_the_covariance_takes_the_sample_weights(make_vae, binary, rng, variant):
    vae = make_vae(latent_size=3)
    weights = rng.random(len(binary)).astype(np.float32)
    terms = vae.terms(binary, tf.zeros([1, len(binary), 3]))._replace(weights=tf.constant(weights))
    q = terms.latents[0].posterior
    expected = np.cov(q.mean().numpy().T, aweights=weights, bias=True)
    if variant == "ii":
        expected += np.diag(np.average(q.variance(), axis=0, weights=weights))
    np.testing.assert_allclose(DIP(variant=variant)._covariance(terms), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weights", [None, tf.constant([0.0, 2.0, 0.0])])
def test_one_example_alone_has_no_covariance(make_vae, binary, weights):
    vae = make_vae(latent_size=3)
    x = binary[: 1 if weights is None else 3]
    terms = vae.terms(x, tf.zeros([1, len(x), 3]))._replace(weights=weights)
    assert not DIP(variant="i")(terms, tf.constant(0))["dependence"].numpy().any()
    variances = terms.latents[0].posterior.variance()[len(x) // 2]  # variant "ii" draws these to 1, as ever
    expected = 10 * tf.reduce_sum((variances - 1) ** 2)
    np.testing.assert_allclose(DIP(variant="ii")(terms, tf.constant(0))["dependence"][0], expected, rtol=1e-5)


@pytest.mark.parametrize("posterior", [posteriors.Deterministic, posteriors.InverseAutoregressiveFlow])
def test_posteriors_without_a_covariance_are_refused(make_vae, posterior):
    with pytest.raises(InputError, match=rf"{posterior.__name__} has no (density|closed form)"):
        make_vae(posterior=posterior(2), objective=DIP())


def test_posteriors_that_are_not_normal_are_refused(make_vae):
    with pytest.raises(InputError, match=r"that of PowerSpherical has no closed form or cannot be: use"):
        make_vae(posterior=posteriors.PowerSpherical(2), prior=priors.SphericalUniform(2), objective=DIP())


def test_another_variant_is_refused():
    with pytest.raises(InputError, match=r'DIP got variant=\'iii\': give "i" or "ii"'):
        DIP(variant="iii")
