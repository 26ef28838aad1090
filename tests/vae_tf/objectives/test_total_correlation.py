import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from tensorflow_probability import distributions as tfd

from vae_tf import InputError, posteriors, priors, schedules
from vae_tf.latents import Flat, Latent
from vae_tf.objectives import ELBO, TotalCorrelation
from vae_tf.objectives.total_correlation import log_stratified_weights
from vae_tf.terms import Terms

N, D = 6, 2
SITE = Flat(posteriors.DiagonalNormal(D), priors.StandardNormal(D))


@pytest.fixture
def data_set(rng) -> tuple[np.ndarray, np.ndarray]:
    """The posteriors of a small data set, in a row along a diagonal: loc and scale, each [N, D]."""
    loc = np.linspace(-2, 2, N)[:, None] * [1.0, 0.8] + 0.1 * rng.normal(size=(N, D))
    return loc, np.exp(0.2 * rng.normal(size=(N, D))) / 2


def terms_of(loc, scale, z) -> Terms:
    q = tfd.Independent(tfd.Normal(tf.constant(loc, tf.float32), tf.constant(scale, tf.float32)), 1)
    p = tfd.Independent(tfd.Normal(tf.zeros([D]), tf.ones([D])), 1)
    return Terms((Latent(tf.constant(z, tf.float32), q, p, SITE),), tf.zeros(z.shape[:2]))


def by_hand(loc, scale, z, examples: int) -> np.ndarray:
    """log q(z) - sum_d log q(z_d), term by term, [K, B]."""
    samples, batch, _ = z.shape
    others = batch - 1
    values = np.zeros((samples, batch))
    for k, i in itertools.product(range(samples), range(batch)):
        joint, marginals = 0.0, np.zeros(D)
        for j in range(batch):
            weight = 1 / others
            if j == i:
                weight = 1 / examples
            elif j == (i + 1) % batch:
                weight = (examples - others) / (examples * others)
            densities = stats.norm.pdf(z[k, i], loc[j], scale[j])
            joint += weight * densities.prod()
            marginals += weight * densities
        values[k, i] = np.log(joint) - np.log(marginals).sum()
    return values


def exact(loc, scale) -> float:
    """The total correlation of q(z) = 1/N sum_n q(z|x_n), by a fine grid."""
    axes = [np.linspace(-6, 6, 801)] * 2
    z = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    densities = stats.norm.pdf(z[..., None, :], loc, scale)  # [801, 801, N, D]
    joint, marginals = densities.prod(axis=-1).mean(axis=-1), densities.mean(axis=-2)
    cell = (axes[0][1] - axes[0][0]) ** 2
    return float((joint * (np.log(joint + 1e-300) - np.log(marginals + 1e-300).sum(axis=-1))).sum() * cell)


@pytest.mark.parametrize("samples", [1, 3])
def test_values_by_hand(data_set, rng, samples):
    loc, scale = data_set
    z = loc + scale * rng.normal(size=(samples, N, D))
    terms = terms_of(loc, scale, z)
    values = TotalCorrelation(beta=5.0, examples=40)(terms, tf.constant(0))
    np.testing.assert_allclose(
        values["total_correlation"], by_hand(loc, scale, z, 40).mean(axis=0), rtol=1e-4, atol=1e-5
    )
    elbo = ELBO()(terms, tf.constant(0))
    np.testing.assert_allclose(values["loss"], elbo["loss"] + 4 * values["total_correlation"], rtol=1e-5)
    assert values.keys() == TotalCorrelation.directions.keys()


def test_beta_1_minimises_what_the_elbo_does(data_set, rng):
    loc, scale = data_set
    terms = terms_of(loc, scale, loc + scale * rng.normal(size=(1, N, D)))
    loss = TotalCorrelation(beta=1.0, examples=40)(terms, tf.constant(0))["loss"]
    np.testing.assert_allclose(loss, ELBO()(terms, tf.constant(0))["loss"], rtol=1e-6)


def test_beta_follows_its_schedule(data_set, rng):
    loc, scale = data_set
    terms = terms_of(loc, scale, loc + scale * rng.normal(size=(1, N, D)))
    values = TotalCorrelation(beta=schedules.Linear(1, 5, 10), examples=40)(terms, tf.constant(5))
    np.testing.assert_allclose(values["beta"], 3)
    np.testing.assert_allclose(values["loss"], -values["elbo"] + 2 * values["total_correlation"], rtol=1e-5)


def test_the_gradient_is_that_of_small_steps(data_set, rng):
    loc, scale = data_set
    noise = rng.normal(size=(1, N, D))
    variable = tf.constant(loc, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        z = variable + scale.astype(np.float32) * noise.astype(np.float32)
        latent = terms_of_tensors(variable, tf.constant(scale, tf.float32), z).latents[0]
        total = tf.reduce_sum(TotalCorrelation(examples=40)._total_correlation(latent))
    gradient = tape.gradient(total, variable)
    for place in itertools.product(range(N), range(D)):
        step = np.zeros_like(loc)
        step[place] = 1e-5
        above, below = (by_hand(moved, scale, moved + scale * noise, 40).sum() for moved in (loc + step, loc - step))
        np.testing.assert_allclose(gradient[place], (above - below) / 2e-5, rtol=1e-3, atol=1e-4)


def test_codes_far_apart_have_finite_values_and_gradients():
    loc = tf.constant(np.linspace(-1e3, 1e3, N)[:, None] * [1.0, -1.0], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(loc)
        latent = terms_of_tensors(loc, tf.fill([N, D], 1e-3), loc[None]).latents[0]
        total = TotalCorrelation(examples=N)._total_correlation(latent)
    np.testing.assert_allclose(total, np.full(N, (D - 1) * np.log(N)), rtol=1e-5)  # a code tells of its example alone
    assert np.isfinite(tape.gradient(total, loc)).all()


@pytest.mark.parametrize(("batch", "examples"), [(1, 5), (2, 2), (4, 9), (5, 5), (100, 60_000)])
def test_weights_of_a_row_add_up_to_1(batch, examples):
    weights = np.exp(log_stratified_weights(batch, examples))
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.diag(weights), 1 / examples if batch > 1 else 1, rtol=1e-5)


@pytest.mark.parametrize("weights", [None, [1.0], [0.0, 0.5, 0.0]])
def test_one_example_alone_has_no_total_correlation(weights, rng):
    size = len(weights or [1])
    terms = terms_of(rng.normal(size=(size, D)), np.ones((size, D)), rng.normal(size=(3, size, D)))
    terms = terms._replace(weights=None if weights is None else tf.constant(weights))
    values = TotalCorrelation(examples=40)(terms, tf.constant(0))
    np.testing.assert_allclose(values["total_correlation"][size // 2], 0, atol=1e-6)


def shares_by_hand(weights, examples: int) -> np.ndarray:
    """The weights of q(z_i|x_j) in the estimate of q(z_i), as the equation says, one by one."""
    batch, counts = len(weights), weights > 0
    examples = max(examples, counts.sum())
    pi = counts.sum() * weights / (examples * weights.sum())
    found = np.zeros((batch, batch))
    for i in range(batch):
        following = next(j % batch for j in range(i + 1, i + 1 + batch) if counts[j % batch])
        rest = 1 - sum(pi[j] for j in range(batch) if j != following)
        for j in range(batch):
            others = sum(weights[other] for other in range(batch) if other != i)
            found[i, j] = (j != following) * pi[j] + (j != i) * rest * weights[j] / others
    return found


@pytest.mark.parametrize("examples", [3, 7, 40])
def test_sample_weights_by_hand(rng, examples):
    weights = np.where([1, 1, 0, 1, 0, 1, 1], rng.random(7), 0)
    shares = tf.constant(weights / weights.sum(), tf.float32)
    found = np.exp(log_stratified_weights(7, examples, shares))
    np.testing.assert_allclose(found, shares_by_hand(weights, examples), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize(("batch", "examples"), [(1, 5), (2, 2), (4, 9), (5, 5), (100, 60_000)])
def test_equal_sample_weights_are_as_none(batch, examples):
    weighed = np.exp(log_stratified_weights(batch, examples, tf.fill([batch], 1 / batch)))
    np.testing.assert_allclose(weighed, np.exp(log_stratified_weights(batch, examples)), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_the_estimate_of_the_aggregated_posterior_is_unbiased(data_set, batch):
    loc, scale = data_set
    z = np.array([0.3, -0.2])
    densities = stats.norm.pdf(z, loc, scale).prod(axis=-1)
    weights = np.exp(np.float64(log_stratified_weights(batch, N)))[0]  # those of the first of a batch
    batches = [(0, *others) for others in itertools.permutations(range(1, N), batch - 1)]  # all that begin with x_0
    mean = np.mean([(weights * densities[list(chosen)]).sum() for chosen in batches])
    np.testing.assert_allclose(mean, densities.mean(), rtol=1e-5)


def test_the_estimate_is_near_the_exact_total_correlation(data_set, rng):
    loc, scale = data_set
    objective = TotalCorrelation(examples=N)
    found = []
    for _ in range(300):
        chosen = rng.permutation(N)  # the logarithm of an unbiased estimate is biased, least for the largest batch
        z = loc[chosen] + scale[chosen] * rng.normal(size=(20, N, D))
        found.append(np.mean(objective(terms_of(loc[chosen], scale[chosen], z), tf.constant(0))["total_correlation"]))
    truth = exact(loc, scale)
    assert truth > 0.4
    np.testing.assert_allclose(np.mean(found), truth, rtol=0.1)


def test_a_batch_of_unknown_size(data_set, rng):
    loc, scale = data_set
    z = (loc + scale * rng.normal(size=(1, N, D))).astype(np.float32)
    objective = TotalCorrelation(examples=40)

    @tf.function(input_signature=[tf.TensorSpec([None, D])] * 2 + [tf.TensorSpec([1, None, D])])
    def total_correlation(loc, scale, z):
        return objective._total_correlation(terms_of_tensors(loc, scale, z).latents[0])

    found = total_correlation(loc.astype(np.float32), scale.astype(np.float32), z)
    np.testing.assert_allclose(found, by_hand(loc, scale, z, 40)[0], rtol=1e-4, atol=1e-5)


def terms_of_tensors(loc, scale, z) -> Terms:
    q = tfd.Independent(tfd.Normal(loc, scale), 1)
    return Terms((Latent(z, q, q, SITE),), tf.zeros(tf.shape(z)[:2]))


def test_a_batch_larger_than_the_data_set_counts_as_one_of_its_own(data_set, rng):
    loc, scale = data_set
    z = loc + scale * rng.normal(size=(1, N, D))
    values = TotalCorrelation(examples=N - 2)(terms_of(loc, scale, z), tf.constant(0))
    np.testing.assert_allclose(values["total_correlation"], by_hand(loc, scale, z, N)[0], rtol=1e-4, atol=1e-5)


def test_evaluation_on_more_examples_than_were_trained_on(make_vae, binary):
    vae = make_vae(objective=TotalCorrelation(examples=20))
    vae.compile("adam")
    vae.fit(tf.data.Dataset.from_tensor_slices(binary[:20]).batch(20), shuffle=False, verbose=0)
    batches = tf.data.Dataset.from_tensor_slices(binary).batch(50)
    assert np.isfinite(vae.evaluate(batches, verbose=0)).all()
    assert np.isfinite(vae.evaluate(binary, batch_size=50, verbose=0)).all()


def test_a_data_set_of_unknown_size_is_refused_when_the_model_is_built(make_vae):
    with pytest.raises(InputError, match=r"TotalCorrelation got no examples: give the size of the data set"):
        make_vae(objective=TotalCorrelation())
    assert make_vae(objective=TotalCorrelation().for_examples(50)).objective.examples == 50
    assert TotalCorrelation(examples=7).for_examples(50).examples == 7


def test_a_posterior_that_is_no_product_is_refused(make_vae):
    posterior = posteriors.FullCovarianceNormal(2)
    with pytest.raises(InputError, match="TotalCorrelation needs the density of each dimension, which FullCovariance"):
        make_vae(posterior=posterior, objective=TotalCorrelation(examples=50))


@pytest.mark.parametrize("examples", [1, 0, -5])
def test_too_few_examples_are_refused(examples):
    with pytest.raises(InputError, match=rf"got examples={examples}: give a whole number of at least 2"):
        TotalCorrelation(examples=examples)


def test_it_is_0_where_dimensions_are_independent(rng):
    loc, scale = np.zeros((N, D)), np.ones((N, D))
    z = rng.normal(size=(1, N, D))
    assert special.logsumexp(log_stratified_weights(N, 40)[0]) == pytest.approx(0, abs=1e-5)
    values = TotalCorrelation(examples=40)(terms_of(loc, scale, z), tf.constant(0))
    np.testing.assert_allclose(values["total_correlation"], 0, atol=1e-5)
