"""Discrete codes: rounding, codebooks, their rate and their gradient."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from vae_tf import VAE, InputError, importance, likelihoods, networks, objectives, posteriors, priors


def model(posterior, prior=None, **parts) -> VAE:
    x, z = keras.Input([4]), keras.Input(posterior.value_shape)
    prior = priors.UniformCodes(posterior.space.shape, posterior.codes) if prior is None else prior
    decoder = keras.Model(z, layers.Flatten()(z))
    encoder = keras.Model(x, layers.Dense(6)(x))
    parts = {"likelihood": likelihoods.Normal([4]), **parts}
    return VAE(encoder, decoder, posterior=posterior, prior=prior, **parts)


def each_kind() -> list[posteriors.Quantized]:
    return [
        posteriors.FiniteScalarQuantized((3,), levels=(4, 3)),
        posteriors.VectorQuantized((2, 2), codes=5, width=3),
    ]


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(2).normal(size=[24, 4]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 9), min_size=1, max_size=4))
def test_rounding_numbers_all_combinations_of_levels_once(levels):
    posterior = posteriors.FiniteScalarQuantized(1, levels)
    numbers = np.arange(min(math.prod(levels), 2_000), dtype=np.float32)[:, None]
    vectors = posterior.vector(tf.constant(numbers))
    assert np.all(abs(vectors) <= 1)
    np.testing.assert_array_equal(posterior.number(vectors), numbers)
    assert len(np.unique(vectors.numpy().reshape(len(numbers), -1), axis=0)) == len(numbers)


def test_rounding_reaches_every_level():
    posterior = posteriors.FiniteScalarQuantized(1, levels=(5, 4))
    posterior.build((None, 2))
    posterior.vectors.set_weights([np.eye(2), np.zeros(2)])
    grid = np.array(list(itertools.product(np.linspace(-9, 9, 401), repeat=2)), np.float32)
    q = posterior.distribution(posterior.parameters(posteriors_given(grid)))
    assert set(q.number.numpy().ravel()) == set(range(20))
    middle = posterior.distribution(posterior.parameters(posteriors_given(np.zeros([1, 2], np.float32))))
    np.testing.assert_array_equal(posterior.vector(middle.number), np.zeros([1, 1, 2]))


def posteriors_given(features):
    from vae_tf.family import Given

    return Given(tf.constant(features))


@pytest.mark.parametrize("kind", [0, 1], ids=["rounding", "codebook"])
def test_the_rate_is_exact_and_so_is_the_likelihood(kind, x):
    posterior = each_kind()[kind]
    vae = model(posterior)
    vae.compile("adam")
    score = vae.score(x)
    expected = posterior.latent_size * math.log(posterior.codes)
    np.testing.assert_allclose(score.rate, np.full(len(x), expected), rtol=1e-6)
    z = vae.represent(x).z
    log_joint = vae.likelihood.log_prob(vae.decode(z), x) - expected  # log p(x|z) p(z) for the one z of q
    np.testing.assert_allclose(score.elbo, log_joint, rtol=1e-5)
    np.testing.assert_allclose(vae.log_prob(x, samples=3), log_joint, rtol=1e-5)
    assert np.all(vae.encode(x).log_prob(z) == 0)
    assert np.all(np.isneginf(vae.encode(x).log_prob(z + 1)))


def test_the_elbo_of_a_codebook_is_below_the_likelihood_over_all_codes(x):
    vae = model(posteriors.VectorQuantized(2, codes=3, width=2))
    codes = np.array(list(itertools.product(range(3), repeat=2)), np.float32)
    log_joint = np.stack([vae.likelihood.log_prob(vae.decode(code[None]), x).numpy() for code in codes])
    log_px = np.logaddexp.reduce(log_joint - 2 * math.log(3), axis=0)  # log sum_z p(x|z) p(z)
    assert np.all(vae.score(x).elbo <= log_px + 1e-4)


@pytest.mark.parametrize("kind", [0, 1], ids=["rounding", "codebook"])
def test_the_gradient_passes_as_if_nothing_were_rounded(kind):
    posterior = each_kind()[kind]
    posterior.build((None, 6))
    features = tf.constant(np.random.default_rng(1).normal(size=[5, 6]), tf.float32)
    weights = tf.constant(np.random.default_rng(3).normal(size=[math.prod(posterior.value_shape)]), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(features)
        parameters = posterior.parameters(posteriors_given(features))
        q = posterior.distribution(parameters)
        rounded = tf.reduce_sum(weights * posterior.value(posterior.code(q), q))
        smooth = tf.reduce_sum(weights * tf.reshape(parameters["vector"], [5, -1]))
    np.testing.assert_allclose(tape.gradient(rounded, features), tape.gradient(smooth, features), rtol=1e-6)


def test_the_codebook_is_the_moving_average_of_what_chooses_it():
    posterior = posteriors.VectorQuantized(1, codes=3, width=2, decay=0.9)
    posterior.build((None, 2))
    posterior.vectors.set_weights([np.eye(2), np.zeros(2)])
    rng = np.random.default_rng(0)
    codebook = np.array([[0, 0], [4, 0], [0, 4]], np.float32)
    counts, sums = np.full(3, 10.0), 10.0 * codebook
    posterior.codebook.assign(codebook)
    posterior.counts.assign(counts)
    posterior.sums.assign(sums)
    posterior.started.assign(1.0)
    vectors = (codebook[rng.integers(0, 3, 30)] + rng.normal(0, 0.3, [30, 2])).astype(np.float32)
    posterior.learn(posterior.distribution(posterior.parameters(posteriors_given(vectors))))
    nearest = np.argmin(((vectors[:, None] - codebook) ** 2).sum(axis=-1), axis=1)
    chosen = np.eye(3)[nearest]
    counts = 0.9 * counts + 0.1 * chosen.sum(axis=0)
    sums = 0.9 * sums + 0.1 * chosen.T @ vectors
    np.testing.assert_allclose(posterior.codebook, sums / counts[:, None], rtol=1e-5)


def test_the_codebook_starts_as_the_k_means_of_the_first_batch():
    posterior = posteriors.VectorQuantized(1, codes=4, width=2)
    posterior.build((None, 2))
    posterior.vectors.set_weights([np.eye(2), np.zeros(2)])
    rng = np.random.default_rng(5)
    centres = np.array([[5, 5], [-5, 5], [5, -5], [-5, -5]], np.float32)
    vectors = (np.repeat(centres, 25, axis=0) + rng.normal(0, 0.2, [100, 2])).astype(np.float32)
    posterior.learn(posterior.distribution(posterior.parameters(posteriors_given(vectors))))
    found = posterior.codebook.numpy()
    distances = np.linalg.norm(found[:, None] - centres, axis=-1)
    assert sorted(distances.argmin(axis=1)) == [0, 1, 2, 3]
    assert distances.min(axis=1).max() < 0.2


def test_a_code_that_is_hardly_chosen_starts_anew_with_its_averages():
    posterior = posteriors.VectorQuantized(1, codes=3, width=2)
    posterior.build((None, 2))
    posterior.vectors.set_weights([np.eye(2), np.zeros(2)])
    posterior.codebook.assign([[0, 0], [1, 1], [99, 99]])
    posterior.counts.assign([10, 10, 1e-4])
    posterior.sums.assign([[0, 0], [10, 10], [1e-4 * 99] * 2])
    posterior.started.assign(1.0)
    vectors = np.random.default_rng(6).normal(0.5, 0.5, [20, 2]).astype(np.float32)
    posterior.learn(posterior.distribution(posterior.parameters(posteriors_given(vectors))))
    np.testing.assert_allclose(abs(posterior.codebook.numpy()[2] - vectors).sum(axis=1).min(), 0, atol=1e-5)
    np.testing.assert_allclose(posterior.counts[2], posterior.counts.numpy()[:2].sum() / 3, rtol=1e-3)
    np.testing.assert_allclose(posterior.sums[2] / posterior.counts[2], posterior.codebook[2], rtol=1e-5)


def test_commitment_is_added_to_the_loss_alone(x):
    keras.utils.set_random_seed(1)
    without = model(posteriors.VectorQuantized(2, codes=5, width=3, commitment=0.0))
    keras.utils.set_random_seed(1)
    vae = model(posteriors.VectorQuantized(2, codes=5, width=3, commitment=2.0))
    for one in (without, vae):
        one.compile("sgd")
    before, after = (one.evaluate(x, verbose=0, return_dict=True) for one in (without, vae))
    q = vae.encode(x)
    distance = ((q.vector - vae.posterior.vector(q.number)) ** 2).numpy().sum(axis=(1, 2))
    np.testing.assert_allclose(after["loss"] - before["loss"], 2 * distance.mean(), rtol=1e-4)
    np.testing.assert_allclose(after["elbo"], before["elbo"], rtol=1e-6)


@pytest.mark.parametrize("kind", [0, 1], ids=["rounding", "codebook"])
def test_it_trains_is_saved_and_served(kind, x, tmp_path):
    posterior = each_kind()[kind]
    vae = model(posterior)
    vae.compile("adam", jit_compile=True, steps_per_execution=3)
    vae.fit(x, epochs=2, batch_size=4, verbose=0)
    vae.save(tmp_path / "codes.keras")
    loaded = keras.saving.load_model(tmp_path / "codes.keras")
    np.testing.assert_array_equal(loaded.represent(x).z, vae.represent(x).z)
    np.testing.assert_array_equal(loaded.sample(5, seed=2), vae.sample(5, seed=2))
    np.testing.assert_array_equal(vae.coder(x), vae.represent(x).z)
    vae.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served").signatures
    z = np.tile(vae.represent(x[:1]).z, [5, 1])
    z[1, 0], z[2, 0], z[3, 0], z[4, 0] = 0.5, -1, posterior.codes, np.nan  # no codes
    is_bad = np.isnan(served["decode"](z=tf.constant(z))["mean"]).all(axis=-1)
    np.testing.assert_array_equal(is_bad, [False, True, True, True, True])
    drawn = served["sample"](seed=tf.constant([[1, 0], [1, 1]]))["z"].numpy()
    assert np.all((drawn >= 0) & (drawn < posterior.codes) & (drawn == np.floor(drawn)))


def test_a_grid_of_codes_sees_its_own_places():
    encoder, decoder = networks.conv((8, 8, 1), filters=(4,), latent_shape=(4, 4, 2))
    posterior = posteriors.FiniteScalarQuantized((4, 4), levels=(5, 3))
    vae = VAE(encoder, decoder, posterior=posterior, prior=priors.UniformCodes((4, 4), codes=15))
    assert posterior.vectors.kernel.shape == (4, 2)  # 1 x 1
    assert vae.latent_size == 16
    assert vae.reconstruct(np.zeros([2, 8, 8, 1])).shape == (2, 8, 8, 1)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: posteriors.FiniteScalarQuantized(1, (2**13, 2**12)), r"at most 2\^24 = 16,777,216 codes"),
        (lambda: posteriors.FiniteScalarQuantized(1, (1, 3)), "give at least 2 levels for each"),
        (lambda: posteriors.VectorQuantized(1, codes=1), "codes=1: give a whole number of at least 2"),
        (lambda: posteriors.VectorQuantized(1, commitment=-1), "commitment=-1: give a number of at least 0"),
        (lambda: posteriors.VectorQuantized(1, decay=1.0), "decay=1.0: give a number between 0 and 1"),
        (
            lambda: model(posteriors.VectorQuantized(2, codes=5, width=3), priors.UniformCodes(2, 6)),
            "VectorQuantized has 5 codes and UniformCodes has 6",
        ),
        (
            lambda: model(posteriors.VectorQuantized(2, codes=5, width=3), priors.StandardNormal(2)),
            "The codes of VectorQuantized lie on whole numbers",
        ),
        (
            lambda: model(
                posteriors.VectorQuantized(2, codes=5, width=3),
                objective=objectives.ImportanceWeighted(gradient="dreg"),
            ),
            "dreg",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize("posterior", each_kind(), ids=lambda posterior: type(posterior).__name__)
def test_a_model_says_how_many_codes_there_are_and_what_stands_for_them(posterior, x):
    vae = model(posterior)
    assert vae.code_count == posterior.codes
    z = vae.represent(x).z
    expected = posterior.vector(z).numpy().reshape(len(x), -1)
    np.testing.assert_array_equal(vae.vectors(z), expected)
    np.testing.assert_allclose(vae.rates_by_layer(x)[:, 0], len(z[0]) * math.log(posterior.codes), rtol=1e-6)


@pytest.mark.parametrize("posterior", each_kind(), ids=lambda posterior: type(posterior).__name__)
def test_importance_sampling_makes_one_draw_because_all_are_equal(posterior, x):
    vae = model(posterior)
    (estimate,) = importance.estimates(vae, x, samples=1_000, seed=1)
    assert estimate.samples == 1
    np.testing.assert_allclose(estimate.log_prob, vae.score(x).elbo, rtol=1e-5)
    with pytest.raises(InputError, match="samples=0"):
        vae.log_prob(x, samples=0)
