import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, objectives, posteriors, random
from vae_tf.training import evaluation


def weights_by_hand(vae, x, samples: int, seed: int) -> np.ndarray:
    """log p(x|z) p(z) / q(z|x) of each draw and image, float64 [samples, N]."""
    seeds = random.pair(seed, random.Purpose.LOG_PROB, tf.range(len(x), dtype=tf.int64))
    noise = random.normal_draws(vae.posterior.noise_size, seeds, 0, samples)
    return vae.terms(x, noise).log_weights.numpy().astype(np.float64)


def measured(vae, x, samples: int, seed: int) -> evaluation.LogLikelihood:
    return evaluation.LogLikelihood(evaluation.log_likelihood(vae, x, samples, seed))


@pytest.mark.parametrize("samples", [2, 30, 70])
def test_the_estimate_and_both_standard_errors_are_those_of_the_weights(make_vae, bits, samples):
    vae = make_vae()
    weights = np.exp(weights_by_hand(vae, bits, samples, seed=9))
    log_prob = np.log(weights.mean(axis=0))
    relative = weights.std(axis=0, ddof=1) / np.sqrt(samples) / weights.mean(axis=0)
    found = measured(vae, bits, samples, seed=9)
    assert found.mean == pytest.approx(log_prob.mean(), rel=1e-5)
    assert found.standard_error_images == pytest.approx(log_prob.std(ddof=1) / np.sqrt(20), rel=1e-4)
    assert found.standard_error_draws == pytest.approx(np.sqrt((relative**2).sum()) / 20, rel=1e-2)
    assert found.standard_error_draws > 0
    effective = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    assert found.effective_sample_size == pytest.approx(effective.mean(), rel=1e-3)
    assert found.effective_sample_size_lowest_tenth == pytest.approx(np.quantile(effective, 0.1), rel=1e-3)
    assert found.shortfall == pytest.approx(np.mean(1 / effective - 1 / samples) / 2, rel=1e-2)


def test_the_shortfall_is_about_how_much_the_estimate_is_too_low(make_vae, bits):
    vae = make_vae()
    of_few = [measured(vae, bits, 20, seed) for seed in range(100)]
    low = measured(vae, bits, 20_000, seed=1).mean - np.mean([few.mean for few in of_few])
    error = np.std([few.mean for few in of_few], ddof=1) / 10
    assert low > 4 * error  # it is there
    assert low == pytest.approx(np.mean([few.shortfall for few in of_few]), abs=4 * error)


def test_the_standard_error_of_the_draws_is_what_other_draws_change(make_vae, bits):
    vae = make_vae()
    found = [measured(vae, bits, 50, seed) for seed in range(40)]
    spread = np.std([each.mean for each in found], ddof=1)
    stated = np.mean([each.standard_error_draws for each in found])
    # The sd of 40 values has a relative standard error of 1 / sqrt(78) = 0.11; four of them.
    assert spread == pytest.approx(stated, rel=0.45)


def test_one_sample_and_one_image_have_no_standard_error(make_vae, bits):
    found = measured(make_vae(), bits, samples=1, seed=0)
    assert found.standard_error_draws is None
    assert found.standard_error_images > 0
    found = measured(make_vae(), bits[:1], samples=5, seed=0)
    assert found.standard_error_images is None
    assert found.standard_error_draws > 0


def test_the_seed_decides_the_draws(make_vae, bits):
    vae = make_vae()
    once = vars(measured(vae, bits, 5, seed=1))
    assert vars(measured(vae, bits, 5, seed=1)) == once
    assert measured(vae, bits, 5, seed=2).mean != once["mean"]


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples_are_refused(make_vae, bits, samples):
    with pytest.raises(InputError, match=f"samples={samples}: give a whole number of at least 1"):
        evaluation.log_likelihood(make_vae(), bits, samples, seed=0)


def test_an_autoencoder_is_refused(make_vae, bits):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    with pytest.raises(InputError, match="plain autoencoder and has no log p"):
        measured(vae, bits, 5, seed=0)
