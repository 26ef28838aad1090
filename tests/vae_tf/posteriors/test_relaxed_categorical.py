"""The categorical posterior: its numbers, the pass that trains it, and all else without relaxation."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from tensorflow_probability import distributions as tfd

from vae_tf import VAE, InputError, likelihoods, objectives, posteriors, priors, random, schedules

D, CODES, WIDTH = 3, 4, 2


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(2).normal(size=[24, 4]).astype(np.float32)


@pytest.fixture
def logits() -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).normal(0, 2, [5, D, CODES]), tf.float32)


def model(prior=None, objective=None, temperature=0.5, seed=0) -> VAE:
    keras.utils.set_random_seed(seed)
    x, vectors = keras.Input([4]), keras.Input([D, WIDTH])
    decoder = keras.Model(vectors, keras.layers.Flatten()(vectors))
    encoder = keras.Model(x, keras.layers.Dense(6)(x))
    posterior = posteriors.RelaxedCategorical(D, CODES, WIDTH, temperature)
    prior = priors.UniformCodes(D, CODES) if prior is None else prior
    return VAE(encoder, decoder, posterior, prior, likelihood=likelihoods.Normal([4]), objective=objective)


def gumbel(noise) -> np.ndarray:
    return -np.log(-special.log_ndtr(np.float64(noise)))


def test_the_density_is_that_of_independent_categorical_distributions(logits, rng):
    q = posteriors.RelaxedCategorical(D, CODES).distribution({"logits": logits})
    assert (q.batch_shape, q.event_shape) == ((5,), (D,))
    expected = tfd.Independent(tfd.Categorical(logits), 1)
    for shape in ((5, D), (7, 5, D), (7, 1, D)):
        z = rng.integers(0, CODES, shape)
        np.testing.assert_allclose(q.log_prob(z), expected.log_prob(z), rtol=1e-5)
    for no_code in (0.5, -1, CODES, np.nan):
        assert np.isneginf(q.log_prob([no_code, 0, 1])).all()
    np.testing.assert_allclose(q.entropy(), expected.entropy(), rtol=1e-5)
    np.testing.assert_array_equal(q.mode(), np.argmax(logits, axis=-1))


def test_the_divergence_from_uniform_codes_is_in_closed_form(logits):
    q = posteriors.RelaxedCategorical(D, CODES).distribution({"logits": logits})
    uniform = tfd.Independent(tfd.OneHotCategorical(tf.zeros([D, CODES])), 1)
    expected = tfd.Independent(tfd.OneHotCategorical(logits), 1).kl_divergence(uniform)
    np.testing.assert_allclose(q.kl_divergence(priors.UniformCodes(D, CODES).distribution({})), expected, rtol=1e-5)


def test_codes_are_drawn_as_often_as_they_are_probable(logits, rng):
    posterior = posteriors.RelaxedCategorical(D, CODES)
    assert posterior.noise_size == D * CODES
    draws = 20_000
    noise = tf.constant(rng.normal(size=(draws, 5, D * CODES)), tf.float32)
    z = posterior.draw(posterior.distribution({"logits": logits}), noise)
    frequencies = tf.reduce_mean(tf.one_hot(tf.cast(z, tf.int32), CODES), axis=0)
    np.testing.assert_allclose(frequencies, tf.nn.softmax(logits), atol=4 * 0.5 / math.sqrt(draws))


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_the_gradient_of_a_training_pass_is_that_of_the_formula(logits, rng, temperature):
    posterior = posteriors.RelaxedCategorical(D, CODES, WIDTH, temperature)
    posterior.build((None, 6))
    noise, weights = rng.normal(size=(7, 5, D * CODES)), rng.normal(size=(7, 5, D * WIDTH))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        q = posterior.distribution({"logits": logits})
        z = tf.zeros([7, 5, D])  # what was drawn does not count
        value = posterior.value(z, q, tf.constant(noise, tf.float32))
        loss = tf.reduce_sum(tf.cast(weights, tf.float32) * value)
    found = loss, *tape.gradient(loss, [logits, posterior.codebook.value])
    logits_, codebook = tf.cast(logits, tf.float64), tf.cast(posterior.codebook.value, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([logits_, codebook])
        shares = tf.nn.softmax((logits_ + gumbel(noise).reshape(7, 5, D, CODES)) / temperature)
        loss = tf.reduce_sum(weights.reshape(7, 5, D, WIDTH) * tf.einsum("kbdc,cw->kbdw", shares, codebook))
    expected = loss, *tape.gradient(loss, [logits_, codebook])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_pass_that_trains_decodes_mixtures_and_all_others_codes(x, rng):
    vae = model(temperature=schedules.Linear(2.0, 0.5, steps=4))
    vae.posterior.steps.assign(3)  # a temperature of 2 - 1.5 * 3/4
    noise = tf.constant(rng.normal(size=(2, len(x), vae.noise_size)), tf.float32)
    perturbed = vae.encode(x).logits + gumbel(noise).reshape(2, len(x), D, CODES).astype(np.float32)
    z = np.argmax(perturbed, axis=-1)
    shares = {True: special.softmax(perturbed / 0.875, axis=-1), False: np.eye(CODES)[z]}
    for training in (False, True):
        vectors = np.einsum("kbdc,cw->kbdw", shares[training], vae.posterior.codebook)
        p = vae.likelihood.distribution(vae.likelihood.parameters(vae.decoder(vectors.reshape(-1, D, WIDTH))))
        terms = vae.terms(x, noise, training=training)
        np.testing.assert_array_equal(terms.latents[0].z, z)
        expected = p.log_prob(np.tile(x, [2, 1])).numpy().reshape(2, -1)
        np.testing.assert_allclose(terms.log_likelihood, expected, rtol=1e-4, atol=1e-4)


def test_the_elbo_of_evaluate_is_that_of_the_discrete_model(x):
    vae = model(seed=3)
    vae.compile("adam")
    vae.fit(x, batch_size=8, epochs=2, verbose=0)
    logs = vae.evaluate(x, batch_size=24, verbose=0, return_dict=True)
    assert int(vae.posterior.steps) == 6  # those of training
    noise = random.normal([1, 24, D * CODES], random.pair(vae.seed, random.Purpose.EVALUATION, 0))
    q = vae.encode(x)
    z = np.argmax(q.logits + gumbel(noise[0]).reshape(24, D, CODES), axis=-1)
    shares = special.softmax(q.logits.numpy().astype(np.float64), axis=-1)
    rate = D * math.log(CODES) + special.xlogy(shares, shares).sum(axis=(1, 2))
    elbo = vae.decode(z).log_prob(x) - rate
    np.testing.assert_allclose(logs["rate"], rate.mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["elbo"], np.mean(elbo), rtol=1e-5)


def test_the_likelihood_is_that_of_the_sum_over_all_codes(x):
    vae, x, samples = model(), x / 2, 5_000
    codes = np.stack(np.meshgrid(*[np.arange(CODES)] * D), axis=-1).reshape(-1, 1, D)
    log_posterior = np.stack([vae.encode(x).log_prob(code) for code in codes])
    np.testing.assert_allclose(special.logsumexp(log_posterior, axis=0), 0, atol=1e-5)
    log_joint = np.stack([vae.decode(code).log_prob(x) for code in codes]) - D * math.log(CODES)
    log_px = special.logsumexp(log_joint, axis=0)  # log sum_z p(x|z) p(z)
    log_second_moment = special.logsumexp(2 * log_joint - log_posterior, axis=0)  # log E_q[w^2]
    standard_error = np.sqrt(np.expm1(log_second_moment - 2 * log_px) / samples)
    assert standard_error.max() < 0.1
    assert np.all(abs(vae.log_prob(x, samples=samples) - log_px) < 4 * standard_error)


@pytest.mark.parametrize("options", [{"jit_compile": True, "steps_per_execution": 2}, {"run_eagerly": True}])
def test_the_temperature_falls_by_steps_and_goes_on_in_a_loaded_model(x, tmp_path, options):
    vae = model(temperature=schedules.Linear(2.0, 0.5, steps=10))
    vae.compile("adam", **options)
    vae.fit(x, batch_size=8, epochs=2, verbose=0)
    assert int(vae.posterior.steps) == 6
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.posterior.steps) == 6
    assert vars(loaded.posterior.temperature) == vars(vae.posterior.temperature)
    for one in (vae, loaded):
        one.fit(x, batch_size=8, epochs=2, verbose=0)
        assert int(one.posterior.steps) == 12
    for ours, theirs in zip(loaded.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_frozen_posterior_keeps_its_temperature(x):
    vae = model(temperature=schedules.Linear(2.0, 0.5, steps=10))
    vae.posterior.trainable = False
    vae.compile("adam")
    vae.fit(x, verbose=0)
    assert int(vae.posterior.steps) == 0


def test_it_is_served_row_by_row(x, tmp_path):
    vae = model()
    vae.compile("adam")
    vae.fit(x, verbose=0)
    vae.export(tmp_path, verbose=False)
    served = tf.saved_model.load(tmp_path).signatures
    z = vae.represent(x).z
    np.testing.assert_array_equal(served["encode"](x=tf.constant(x))["z"], z)
    np.testing.assert_array_equal(z, vae.coder(x))
    score = vae.score(x, seed=7)
    seeds = np.stack([np.full(24, 7), np.arange(24)], axis=1).astype(np.int32)
    backwards = served["score"](x=tf.constant(x[::-1]), seed=tf.constant(seeds[::-1]))
    for name, values in score._asdict().items():
        np.testing.assert_allclose(backwards[name][::-1], values, rtol=1e-5, err_msg=name)
    four = np.tile(z[:1], [5, 1])
    four[1, 0], four[2, 0], four[3, 0], four[4, 0] = 0.5, -1, CODES, np.nan  # no codes
    is_bad = np.isnan(served["decode"](z=tf.constant(four))["mean"]).all(axis=-1)
    np.testing.assert_array_equal(is_bad, [False, True, True, True, True])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: posteriors.RelaxedCategorical(1, temperature=0), "got temperature=0: give a number above 0"),
        (lambda: posteriors.RelaxedCategorical(1, temperature=-0.5), "got temperature=-0.5: give"),
        (lambda: posteriors.RelaxedCategorical(1, temperature=math.nan), "got temperature=nan: give"),
        (lambda: posteriors.RelaxedCategorical(1, temperature="low"), "got temperature='low': give"),
        (
            lambda: posteriors.RelaxedCategorical(1, temperature=schedules.Linear(1.0, 0.0)),
            "got temperature=a schedule that falls to 0.0: give a number above 0, or a schedule that stays above it",
        ),
        (
            lambda: posteriors.RelaxedCategorical(1, temperature=schedules.Cyclical(-1, 1)),
            "got temperature=a schedule that falls to -1: give",
        ),
        (lambda: posteriors.RelaxedCategorical(1, codes=1), "codes=1: give a whole number of at least 2"),
        (lambda: posteriors.RelaxedCategorical(1, width=0), "width=0: give a whole number of at least 1"),
        (lambda: model(priors.UniformCodes(D, 5)), "RelaxedCategorical has 4 codes and UniformCodes has 5"),
        (lambda: model(priors.StandardNormal(D)), "The codes of RelaxedCategorical lie on whole numbers"),
        (lambda: model(priors.VampPrior(D)), "the codes of RelaxedCategorical are whole numbers"),
        (lambda: model(objective=objectives.ImportanceWeighted()), "those of RelaxedCategorical are whole numbers"),
        (lambda: model(objective=objectives.MaximumMeanDiscrepancy()), "those of RelaxedCategorical are numbers of"),
    ],
)
def test_what_does_not_fit_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_schedule_that_does_not_say_how_low_it_falls_is_taken():
    assert posteriors.RelaxedCategorical(1, temperature=schedules.Schedule()).temperature.least is None
