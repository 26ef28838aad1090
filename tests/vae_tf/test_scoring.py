"""The score of each example, without a server."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import InputError, likelihoods, objectives, posteriors, priors, random, scoring
from vae_tf.data import slicing
from vae_tf.serving import signatures


def served(vae, x, seed: int) -> dict[str, np.ndarray]:
    """What a served `score` answers with the seeds (seed, i), in one request."""
    seeds = np.stack([np.full(len(x), seed), np.arange(len(x))], axis=1).astype(np.int32)
    outputs = signatures.trace(vae)["score"](x=tf.constant(x), seed=tf.constant(seeds))
    return {name: value.numpy() for name, value in outputs.items()}


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"prior": priors.MixtureOfNormals(2, components=3)},  # whose rate has no closed form
        {"posterior": posteriors.InverseAutoregressiveFlow(2, hidden=(4,)), "likelihood": likelihoods.Laplace((6,))},
    ],
    ids=["closed form", "mixture", "flow"],
)
def test_it_is_what_a_server_answers_to_the_seeds_of_the_rows(make_vae, binary, choices, monkeypatch):
    monkeypatch.setattr(slicing, "VALUES", 20 * 6)  # three slices
    vae = make_vae(**choices)
    score = vae.score(binary, seed=7)
    expected = served(vae, binary, 7)
    assert score._fields == tuple(expected)
    for name, value in score._asdict().items():
        assert (value.dtype, value.shape) == (tf.float32, (50,))
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_it_is_the_bound_of_the_linear_gaussian_by_hand(linear_gaussian):
    model = linear_gaussian(widen=1.4)
    x = model.data(30)
    score = model.vae.score(x, seed=3)
    seeds = np.stack([np.full(30, 3), np.arange(30)], axis=1)
    noise = random.normal_rows([2], tf.constant(seeds)).numpy().astype(np.float64)
    loc, scale = (x - model.b) @ model.gain, model.widen * model.posterior_scale
    z = loc + scale * noise
    log_likelihood = stats.norm.logpdf(x, z @ model.w.T + model.b, model.scale).sum(axis=-1)
    rate = (scale**2 + loc**2 - 1 - 2 * np.log(scale)).sum(axis=-1) / 2
    np.testing.assert_allclose(score.distortion, -log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(score.rate, rate, rtol=1e-4)
    np.testing.assert_allclose(score.elbo, log_likelihood - rate, rtol=1e-4)


def test_its_mean_is_below_the_likelihood_by_the_gap_of_the_posteriors(linear_gaussian):
    model = linear_gaussian(widen=1.4)
    x = np.repeat(model.data(1), 4000, axis=0)
    short = model.log_prob(x) - model.vae.score(x).elbo.numpy()
    assert short.mean() == pytest.approx(model.posterior_gap(), abs=4 * short.std() / np.sqrt(4000))


def test_a_row_is_a_function_of_its_example_the_seed_and_its_number(make_vae, binary):
    vae = make_vae()
    elbo = vae.score(binary, seed=7).elbo
    tf.random.set_seed(5)
    np.testing.assert_array_equal(vae.score(binary, seed=7).elbo, elbo)
    np.testing.assert_allclose(vae.score(binary[:9], seed=7).elbo, elbo[:9], rtol=1e-5, atol=1e-6)
    assert np.abs(vae.score(binary, seed=8).distortion - vae.score(binary, seed=7).distortion).min() > 1e-6
    twins = vae.score(np.repeat(binary[:1], 2, axis=0), seed=7)
    assert twins.distortion[0] != twins.distortion[1]
    assert twins.rate[0] == twins.rate[1]


@pytest.mark.parametrize("size", [7, 50])
def test_a_data_set_scores_as_its_array_does(make_vae, binary, size):
    vae = make_vae()
    dataset = tf.data.Dataset.from_tensor_slices((binary, np.arange(50))).batch(size)
    for ours, expected in zip(vae.score(dataset, seed=2), vae.score(binary, seed=2), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_no_examples_have_no_scores(make_vae, binary):
    empty = tf.data.Dataset.from_tensor_slices(binary).batch(10).take(0)
    for x in (binary[:0], empty):
        assert [value.shape for value in make_vae().score(x)] == [(0,)] * 3


def test_slices_do_not_grow_with_the_examples(linear_gaussian):
    vae = linear_gaussian().vae
    x = np.zeros((1200, 4), np.float32)
    assert [len(part.elbo) for part in scoring.scores(vae, x, 0)] == [500, 500, 200]


def test_what_has_no_score_is_refused(make_vae, binary):
    vae = make_vae()
    with pytest.raises(InputError, match=r"x is 5\.0 in channel 0"):
        vae.score(5 * binary)
    with pytest.raises(InputError, match=r"x has shape \(50, 3\); this model takes \('N', 6\)"):
        vae.score(binary[:, :3])
    with pytest.raises(InputError, match=r"^seed is 2147483648: give a number from -2147483648 to 2147483647"):
        vae.score(binary, seed=2**31)
    plain = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    with pytest.raises(InputError, match="is a plain autoencoder and has no elbo"):
        plain.score(binary)
