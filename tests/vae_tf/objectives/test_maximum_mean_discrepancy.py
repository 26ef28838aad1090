import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, posteriors, priors, schedules
from vae_tf.latents import Latent
from vae_tf.objectives import ELBO, MaximumMeanDiscrepancy
from vae_tf.objectives.maximum_mean_discrepancy import SCALES

KERNELS = {
    "gaussian": lambda square, size: np.exp(-square / size),
    "inverse_multiquadratic": lambda square, size: sum(2 * s * size / (2 * s * size + square) for s in SCALES),
}


def by_hand(z, e, kernel: str) -> float:
    """MMD^2 without bias, pair by pair."""
    k = lambda one, other: KERNELS[kernel](((one - other) ** 2).sum(), z.shape[1])  # noqa: E731
    within = lambda x: np.mean([k(one, other) for one, other in itertools.permutations(x, 2)])  # noqa: E731
    return within(z) + within(e) - 2 * np.mean([k(one, other) for one, other in itertools.product(z, e)])


def discrepancy(z, e, kernel: str, shares=None) -> float:
    latent = Latent(tf.constant(z, tf.float32)[None], None, None, draw_prior=lambda: tf.constant(e, tf.float32))
    return float(MaximumMeanDiscrepancy(kernel=kernel)._discrepancy(latent, shares))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_discrepancy_by_hand(rng, kernel):
    z, e = rng.normal(size=(7, 3)) + 1, rng.normal(size=(7, 3))
    np.testing.assert_allclose(discrepancy(z, e, kernel), by_hand(z, e, kernel), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pair_counts_the_product_of_its_sample_weights(rng, kernel):
    z, e, w = rng.normal(size=(7, 3)) + 1, rng.normal(size=(7, 3)), rng.random(7)
    k = lambda one, other: KERNELS[kernel](((one - other) ** 2).sum(), 3)  # noqa: E731

    def mean(one, other, pairs):
        values, weights = zip(*((k(one[i], other[j]), w[i] * w[j]) for i, j in pairs), strict=True)
        return np.average(values, weights=weights)

    others = list(itertools.permutations(range(7), 2))
    expected = mean(z, z, others) + mean(e, e, others) - 2 * mean(z, e, itertools.product(range(7), repeat=2))
    shares = tf.constant(w / w.sum(), tf.float32)
    np.testing.assert_allclose(discrepancy(z, e, kernel, shares), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_0_in_the_mean_for_equal_distributions_and_positive_for_others(rng, kernel):
    equal, shifted = (
        np.array([discrepancy(rng.normal(size=(20, 2)) + shift, rng.normal(size=(20, 2)), kernel) for _ in range(300)])
        for shift in (0, 0.5)
    )
    assert abs(equal.mean()) < 3 * equal.std() / np.sqrt(300)
    assert shifted.mean() > 5 * shifted.std() / np.sqrt(300)


def test_a_batch_of_one_says_nothing():
    assert discrepancy(np.ones((1, 2)), np.zeros((1, 2)), "gaussian") == 0
    assert discrepancy(np.eye(2), np.zeros((2, 2)), "gaussian", tf.constant([1.0, 0.0])) == 0


def test_the_loss_is_that_of_infovae(make_vae, binary):
    vae = make_vae(objective=MaximumMeanDiscrepancy(weight=30.0, beta=0.25))
    noise = tf.random.stateless_normal([1, len(binary), 2], [1, 2])
    prior_noise = tf.random.stateless_normal([len(binary), 2], [3, 4])
    terms = vae.terms(binary, noise, prior_noise=prior_noise)
    values, elbo = vae.objective(terms, tf.constant(0)), ELBO()(terms, tf.constant(0))
    expected = by_hand(terms.latents[0].z[0].numpy(), prior_noise.numpy(), "gaussian")
    np.testing.assert_allclose(values["discrepancy"], np.full(len(binary), expected), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values["loss"], elbo["distortion"] + 0.25 * elbo["rate"] + 30 * expected, rtol=1e-5)
    assert values.keys() == vae.objective.directions.keys()


def test_its_weights_follow_their_schedules(make_vae, binary):
    objective = MaximumMeanDiscrepancy(weight=schedules.Linear(0, 8, 10), beta=schedules.Linear(1, 0, 10))
    vae = make_vae(objective=objective)
    prior_noise = tf.random.stateless_normal([len(binary), 2], [3, 4])
    values = objective(vae.terms(binary, tf.zeros([1, len(binary), 2]), prior_noise=prior_noise), tf.constant(5))
    np.testing.assert_allclose(values["beta"], 0.5)
    expected = values["distortion"] + 0.5 * values["rate"] + 4 * values["discrepancy"]
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)


def test_without_a_rate_the_loss_is_that_of_the_wasserstein_autoencoder(make_vae, binary):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=MaximumMeanDiscrepancy(weight=30.0, beta=None))
    prior_noise = tf.random.stateless_normal([len(binary), 2], [3, 4])
    values = vae.objective(vae.terms(binary, tf.zeros([1, len(binary), 0]), prior_noise=prior_noise), tf.constant(0))
    expected = by_hand(vae.posterior.code(vae.encode(binary)).numpy(), prior_noise.numpy(), "gaussian")
    assert values.keys() == vae.objective.directions.keys() == {"loss", "distortion", "discrepancy"}
    np.testing.assert_allclose(values["loss"], values["distortion"] + 30 * expected, rtol=1e-5)


def test_training_draws_the_codes_to_the_prior(make_vae, binary):
    objective = MaximumMeanDiscrepancy(weight=100.0, beta=None, kernel="inverse_multiquadratic")
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objective)
    vae.compile(keras.optimizers.Adam(0.01), jit_compile=True)
    history = vae.fit(binary, epochs=100, batch_size=50, verbose=0).history
    assert set(history) == {"loss", "distortion", "discrepancy"}
    assert np.mean(history["discrepancy"][-20:]) < 0.25 * np.mean(history["discrepancy"][:5])


def test_without_a_rate_the_posterior_has_no_density(make_vae):
    with pytest.raises(InputError, match=r"MaximumMeanDiscrepancy\(beta=None\) ignores the rate of DiagonalNormal"):
        make_vae(objective=MaximumMeanDiscrepancy(beta=None))
    with pytest.raises(InputError, match=r"Deterministic has no density, so MaximumMeanDiscrepancy has no rate"):
        make_vae(posterior=posteriors.Deterministic(2), objective=MaximumMeanDiscrepancy(beta=0.0))


def test_a_prior_that_its_draws_do_not_train_is_refused_unless_it_is_frozen(make_vae):
    prior = priors.MixtureOfNormals(2)
    with pytest.raises(InputError, match=r"those of MixtureOfNormals carry no gradient to all of its weights"):
        make_vae(prior=prior, objective=MaximumMeanDiscrepancy())
    prior.trainable = False
    make_vae(prior=prior, objective=MaximumMeanDiscrepancy())


def test_another_kernel_is_refused():
    with pytest.raises(InputError, match=r"MaximumMeanDiscrepancy got kernel='rbf': give \"gaussian\" or \"inverse"):
        MaximumMeanDiscrepancy(kernel="rbf")


@pytest.mark.parametrize("beta", [None, 0.5])
def test_the_config_makes_it_again(beta):
    objective = MaximumMeanDiscrepancy(weight=3.0, beta=beta)
    again = MaximumMeanDiscrepancy.from_config(objective.get_config())
    assert again.get_config() == objective.get_config()
    assert again.directions == objective.directions
