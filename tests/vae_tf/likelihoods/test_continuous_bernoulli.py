import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from vae_tf.likelihoods import ContinuousBernoulli

LOGITS = [-300.0, -20.0, -3.0, -0.01, 0.0, 1e-4, 0.5, 4.0, 17.0, 90.0]


def log_normaliser(logits: np.ndarray) -> np.ndarray:
    """log C(lambda), C = 2 atanh(1 - 2 lambda) / (1 - 2 lambda), which is logits / tanh(logits / 2)."""
    with np.errstate(invalid="ignore"):
        return np.log(np.where(logits == 0, 2.0, logits / np.tanh(logits / 2)))


def test_log_prob_is_the_formula_of_the_paper(rng):
    logits = np.stack([LOGITS] * 6)
    x = np.concatenate([rng.random((4, len(LOGITS))), np.zeros((1, len(LOGITS))), np.ones((1, len(LOGITS)))])
    density = x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits) + log_normaliser(logits)
    p = ContinuousBernoulli((len(LOGITS),)).distribution({"logits": tf.constant(logits, tf.float32)})
    np.testing.assert_allclose(p.log_prob(tf.constant(x, tf.float32)), density.sum(axis=1), rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("logits", [-20.0, -3.0, 0.0, 1e-3, 2.0, 20.0])
def test_the_density_integrates_to_1_and_its_mean_is_the_mean(logits):
    likelihood = ContinuousBernoulli((1,))
    p = likelihood.distribution({"logits": tf.constant([[logits]])})
    x = (np.arange(20_000, dtype=np.float64) + 0.5) / 20_000  # midpoints
    density = np.exp(p.log_prob(tf.constant(x[:, None], tf.float32)), dtype=np.float64)
    assert density.mean() == pytest.approx(1, abs=1e-4)
    assert (density * x).mean() == pytest.approx(float(likelihood.mean(p)[0, 0]), abs=1e-4)


def test_the_gradient_is_finite_where_the_normaliser_is_singular_or_large():
    logits = tf.constant([LOGITS])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        p = ContinuousBernoulli((len(LOGITS),)).distribution({"logits": logits})
        log_prob = p.log_prob(tf.fill(logits.shape, 0.3))
    gradient = tape.gradient(log_prob, logits).numpy()[0]
    # d/dlogits log p = x - mean
    np.testing.assert_allclose(gradient, 0.3 - p.mean().numpy()[0], atol=1e-4)
