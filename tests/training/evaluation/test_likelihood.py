import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, importance, objectives, posteriors
from vae_tf.training import evaluation


def weights_by_hand(vae, x, samples: int, seed: int) -> np.ndarray:
    """log p(x|z) p(z) / q(z|x) of each draw and image, float64 [samples, N]."""
    images = tf.range(len(x), dtype=tf.int64)
    blocks = -(-samples // importance.DRAWS)
    noise = [
        importance.block_noise(vae.posterior.noise_size, images, tf.constant(seed, tf.int64), tf.constant(block))
        for block in range(blocks)
    ]
    return vae.terms(x, tf.concat(noise, axis=0)[:samples]).log_weights.numpy().astype(np.float64)


@pytest.mark.parametrize("samples", [2, 30, 70])
def test_the_estimate_and_both_standard_errors_are_those_of_the_weights(make_vae, bits, samples):
    vae = make_vae()
    weights = np.exp(weights_by_hand(vae, bits, samples, seed=9))
    log_prob = np.log(weights.mean(axis=0))
    relative = weights.std(axis=0, ddof=1) / np.sqrt(samples) / weights.mean(axis=0)
    found = evaluation.log_likelihood(vae, bits, samples, seed=9)
    assert found.mean == pytest.approx(log_prob.mean(), rel=1e-5)
    assert found.standard_error_images == pytest.approx(log_prob.std(ddof=1) / np.sqrt(20), rel=1e-4)
    assert found.standard_error_draws == pytest.approx(np.sqrt((relative**2).sum()) / 20, rel=1e-2)
    assert found.standard_error_draws > 0


def test_the_standard_error_of_the_draws_is_what_other_draws_change(make_vae, bits):
    vae = make_vae()
    found = [evaluation.log_likelihood(vae, bits, 50, seed) for seed in range(40)]
    spread = np.std([each.mean for each in found], ddof=1)
    stated = np.mean([each.standard_error_draws for each in found])
    # The sd of 40 values has a relative standard error of 1 / sqrt(78) = 0.11; four of them.
    assert spread == pytest.approx(stated, rel=0.45)


def test_one_sample_and_one_image_have_no_standard_error(make_vae, bits):
    found = evaluation.log_likelihood(make_vae(), bits, samples=1, seed=0)
    assert found.standard_error_draws is None
    assert found.standard_error_images > 0
    found = evaluation.log_likelihood(make_vae(), bits[:1], samples=5, seed=0)
    assert found.standard_error_images is None
    assert found.standard_error_draws > 0


def test_the_seed_decides_the_draws(make_vae, bits):
    vae = make_vae()
    once = evaluation.log_likelihood(vae, bits, 5, seed=1)
    assert evaluation.log_likelihood(vae, bits, 5, seed=1) == once
    assert evaluation.log_likelihood(vae, bits, 5, seed=2).mean != once.mean


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples_are_refused(make_vae, bits, samples):
    with pytest.raises(InputError, match=f"samples={samples}: give at least 1"):
        evaluation.log_likelihood(make_vae(), bits, samples, seed=0)


def test_an_autoencoder_is_refused(make_vae, bits):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    with pytest.raises(InputError, match="plain autoencoder and has no log p"):
        evaluation.log_likelihood(vae, bits, 5, seed=0)
