import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError, importance, objectives, posteriors, random
from vae_tf.data import slicing
from vae_tf.importance import Estimate

# The linear-Gaussian model has an exact log p(x); see `LinearGaussian` in conftest.py.


@pytest.fixture(scope="module")
def exact(linear_gaussian):
    return linear_gaussian()


@pytest.fixture(scope="module")
def widened(linear_gaussian):
    return linear_gaussian(widen=1.4)


@pytest.mark.parametrize("samples", [1, 7, 100, 5000])
def test_with_the_exact_posterior_the_estimate_is_log_p_of_x(exact, samples):
    x = exact.data(5)
    log_prob = exact.vae.log_prob(x, samples=samples, seed=1)
    assert (log_prob.dtype, log_prob.shape) == (tf.float32, (5,))
    np.testing.assert_allclose(log_prob, exact.log_prob(x), atol=1e-4)


@pytest.fixture(scope="module")
def errors(widened):
    """Samples K -> estimate - exact for 3 examples x 500 copies, whose noise differs, x 2 seeds."""
    x = np.tile(widened.data(3), [500, 1])
    exact = widened.log_prob(x)
    return {
        samples: np.stack([widened.vae.log_prob(x, samples=samples, seed=seed) - exact for seed in (1, 2)])
        for samples in (1, 4, 50)
    }


@pytest.mark.parametrize("samples", [1, 4, 50])
def test_with_a_widened_posterior_the_estimate_of_p_of_x_is_unbiased(errors, samples):
    ratios = np.exp(errors[samples]).reshape(2, 500, 3).swapaxes(1, 2).reshape(6, 500)
    standard_errors = ratios.std(axis=1, ddof=1) / np.sqrt(500)
    assert (np.abs(ratios.mean(axis=1) - 1) < 3 * standard_errors).all()
    assert ratios.std() > 0.01  # it is an estimate, and not exact


def test_the_expected_estimate_rises_with_the_samples_and_stays_below_log_p_of_x(errors):
    means = {samples: error.mean() for samples, error in errors.items()}
    standard_errors = {samples: error.std() / np.sqrt(error.size) for samples, error in errors.items()}
    for fewer, more in ((1, 4), (4, 50)):
        assert means[more] - means[fewer] > 4 * np.hypot(standard_errors[fewer], standard_errors[more])
    assert means[50] < 3 * standard_errors[50]


def test_one_sample_falls_short_by_the_divergence_of_the_posteriors(errors, widened):
    assert errors[1].mean() == pytest.approx(-widened.posterior_gap(), abs=4 * errors[1].std() / np.sqrt(3000))


@pytest.mark.parametrize("samples", [3, 50, 120])
def test_the_draws_are_those_of_the_seed_and_the_example(widened, samples):
    x = widened.data(4)
    seeds = random.pair(9, random.Purpose.LOG_PROB, tf.range(4, dtype=tf.int64))
    noise = random.normal_draws(2, seeds, 0, samples).numpy().astype(np.float64)
    loc = (x - widened.b) @ widened.gain
    scale = widened.widen * widened.posterior_scale
    z = loc + scale * noise
    log_weights = (
        stats.norm.logpdf(x, z @ widened.w.T + widened.b, widened.scale).sum(axis=-1)
        + stats.norm.logpdf(z).sum(axis=-1)
        - stats.norm.logpdf(z, loc, scale).sum(axis=-1)
    )
    (estimate,) = importance.estimates(widened.vae, x, samples, seed=9)
    assert estimate.samples == samples
    np.testing.assert_allclose(estimate.log_prob, special.logsumexp(log_weights, axis=0) - np.log(samples), atol=1e-4)
    np.testing.assert_allclose(
        estimate.log_second_moment, special.logsumexp(2 * log_weights, axis=0) - np.log(samples), atol=2e-4
    )
    weights = np.exp(log_weights)
    expected = weights.std(axis=0, ddof=1) / np.sqrt(samples) / weights.mean(axis=0)
    np.testing.assert_allclose(estimate.standard_error, expected, rtol=1e-2)
    effective = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    np.testing.assert_allclose(estimate.effective_sample_size, effective, rtol=1e-3)


def test_equal_weights_are_all_effective(exact):
    (estimate,) = importance.estimates(exact.vae, exact.data(5), 70, seed=1)
    np.testing.assert_allclose(estimate.effective_sample_size, 70, rtol=1e-3)
    np.testing.assert_allclose(estimate.standard_error, 0, atol=1e-3)


def test_one_sample_has_no_standard_error():
    estimate = Estimate(np.float32([-90.3, 2.0]), np.float32([-180.6, 4.0]), 1)
    assert np.isnan(estimate.standard_error).all()


def test_an_example_does_not_depend_on_its_neighbours(widened):
    x = widened.data(10)
    together = widened.vae.log_prob(x, samples=60, seed=3)
    np.testing.assert_allclose(widened.vae.log_prob(x[:3], samples=60, seed=3), together[:3], atol=1e-5)
    others = np.concatenate([x[:3], x[3:] + 1])
    np.testing.assert_allclose(widened.vae.log_prob(others, samples=60, seed=3)[:3], together[:3], atol=1e-5)


def test_an_example_does_not_depend_on_how_the_data_is_cut(widened, monkeypatch):
    x = widened.data(10)
    together = widened.vae.log_prob(x, samples=60, seed=3)
    monkeypatch.setattr(importance, "ROWS", 3 * 60)
    found = list(importance.estimates(widened.vae, x, 60, 3))
    assert [len(part.log_prob) for part in found] == [3, 3, 3, 1]
    np.testing.assert_allclose(np.concatenate([part.log_prob for part in found]), together, atol=1e-5)


@pytest.mark.parametrize(("name", "size"), [("ROWS", 1), ("ROWS", 7), ("ROWS", 300), ("VALUES", 4 * 50), ("VALUES", 1)])
def test_an_estimate_does_not_depend_on_how_the_draws_are_cut(widened, monkeypatch, name, size):
    x = widened.data(5)
    together = widened.vae.log_prob(x, samples=130, seed=3)
    monkeypatch.setattr(importance if name == "ROWS" else slicing, name, size)
    np.testing.assert_allclose(widened.vae.log_prob(x, samples=130, seed=3), together, atol=1e-5)


def test_the_seed_is_all_that_the_draws_depend_on(widened):
    x = widened.data(4)
    once = widened.vae.log_prob(x, samples=5, seed=3)
    tf.random.set_seed(99)
    np.testing.assert_array_equal(widened.vae.log_prob(x, samples=5, seed=3), once)
    assert not np.isin(widened.vae.log_prob(x, samples=5, seed=4), once).any()


@pytest.mark.parametrize("samples", [1, 7, 120])
def test_a_pass_holds_no_more_rows_than_it_says(exact, samples, monkeypatch, run_eagerly):
    rows, terms = [], type(exact.vae).terms

    def watched(self, x, noise, training=False):
        rows.append(noise.shape[0] * noise.shape[1])
        return terms(self, x, noise, training)

    monkeypatch.setattr(type(exact.vae), "terms", watched)
    monkeypatch.setattr(importance, "ROWS", 100)
    exact.vae.log_prob(exact.data(30), samples=samples)
    assert max(rows) <= 100


def test_no_examples_give_no_values(exact):
    assert exact.vae.log_prob(exact.data(1)[:0]).shape == (0,)


@pytest.mark.parametrize("samples", [0, -5])
def test_no_samples_are_refused(exact, samples):
    with pytest.raises(InputError, match=f"samples={samples}: give a whole number of at least 1"):
        exact.vae.log_prob(exact.data(1), samples=samples)


def test_data_without_a_density_is_refused(exact):
    x = exact.data(3)
    x[1, 2] = np.nan
    with pytest.raises(InputError, match=r"x is nan in channel 2 \(index \(1, 2\)\)"):
        exact.vae.log_prob(x)


def test_a_plain_autoencoder_has_no_log_p_of_x(make_vae, binary):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    with pytest.raises(InputError, match=r"posterior Deterministic is a plain autoencoder and has no log p.*: train"):
        vae.log_prob(binary)


# ----- the bound


def elbo(model, x, draws: int) -> np.ndarray:
    noise = np.random.default_rng(5).normal(size=(draws, len(x), 2)).astype(np.float32)
    return model.vae.objective(model.vae.terms(x, noise), 0)["elbo"].numpy()


def test_with_the_exact_posterior_every_draw_of_the_bound_is_log_p_of_x(linear_gaussian):
    model = linear_gaussian(objective=objectives.ELBO(kl="monte_carlo"))
    x = model.data(5)
    np.testing.assert_allclose(elbo(model, x, draws=1), model.log_prob(x), atol=1e-4)


@pytest.mark.parametrize("widen", [1.0, 1.4, 0.6])
@pytest.mark.parametrize("kl", ["analytic", "monte_carlo"])
def test_the_expected_bound_is_log_p_of_x_less_the_divergence_of_the_posteriors(linear_gaussian, kl, widen):
    model = linear_gaussian(widen, objective=objectives.ELBO(kl=kl))
    x = model.data(5)
    # 4 standard errors of 20,000 draws are below 0.07 here.
    np.testing.assert_allclose(elbo(model, x, draws=20_000), model.log_prob(x) - model.posterior_gap(), atol=0.07)
