import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods
from vae_tf.training.evaluation.distances import frechet_distance, kernel_distance
from vae_tf.training.evaluation.features import Features
from vae_tf.training.evaluation.sample_quality import sample_quality

module = importlib.import_module("vae_tf.training.evaluation.sample_quality")  # of one name with its function

PIXELS = Features("pixels", lambda images: images)


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(4).random((60, 4, 4, 1), np.float32)


def flat(images) -> np.ndarray:
    return np.asarray(images).reshape(len(images), -1)


def test_the_results_are_the_distances_to_the_means(make_vae, grey):
    vae = make_vae()
    results = sample_quality(vae, grey, PIXELS, seed=3)
    made = vae.sample(60, 3)
    kernel = kernel_distance(flat(made), flat(grey), 3)
    assert results == {
        "frechet_distance": pytest.approx(frechet_distance(flat(made), flat(grey))),
        "kernel_distance": pytest.approx(kernel.value),
        "kernel_distance_standard_error": pytest.approx(kernel.standard_error),
        "features": "pixels",
        "compared_samples": 60,
    }
    json.dumps(results, allow_nan=False)


def test_samples_of_the_model_itself_are_nearer_than_other_images(make_vae, grey):
    vae = make_vae()
    own, other = vae.sample(200, 17).numpy(), np.tile(grey, (4, 1, 1, 1))[:200]
    near, far = (sample_quality(vae, x, PIXELS, seed=3) for x in (own, other))
    assert near["frechet_distance"] < 0.1 * far["frechet_distance"]
    assert near["kernel_distance"] < 0.1 * far["kernel_distance"]
    assert abs(near["kernel_distance"]) < 4 * near["kernel_distance_standard_error"]


def seen_by(vae, x, seed=3) -> np.ndarray:
    """The images, samples and then test images, whose features are taken."""
    seen = []
    sample_quality(vae, x, Features("pixels", lambda images: seen.append(images) or images), seed=seed)
    return np.concatenate(seen)


def test_chunks_change_no_mean(make_vae, grey, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    vae = make_vae()
    np.testing.assert_allclose(seen_by(vae, grey)[:60], vae.sample(60, 3), rtol=1e-5)


def test_binary_images_are_compared_with_draws(make_vae, bits):
    vae = make_vae()
    made = seen_by(vae, bits)[:20]
    assert set(np.unique(made)) == {0.0, 1.0}
    many = seen_by(vae, np.tile(bits, (100, 1, 1, 1)))[:2000]
    # The mean of draws is that of the means; a bit's standard error is below 0.5 / sqrt(2000) = 0.011.
    np.testing.assert_allclose(many.mean(axis=0), vae.sample(2000, 3).numpy().mean(axis=0), atol=0.05)


def test_the_seed_alone_decides_the_draws(make_vae, bits):
    vae = make_vae()
    tf.random.set_seed(1)
    once = seen_by(vae, bits)
    tf.random.set_seed(2)
    np.testing.assert_array_equal(seen_by(vae, bits), once)
    assert not np.array_equal(seen_by(vae, bits, seed=4), once)


@pytest.mark.parametrize(
    ("likelihood", "drawn"),
    [
        (likelihoods.DiscretizedLogisticMixture, True),
        (likelihoods.ContinuousBernoulli, False),
        (likelihoods.Normal, False),
    ],
)
def test_draws_are_of_likelihoods_of_discrete_values_alone(make_vae, bits, likelihood, drawn):
    vae = make_vae(likelihood=likelihood((4, 4, 1)))
    made = seen_by(vae, bits)[:20]
    means = np.clip(vae.sample(20, 3), 0, 1)
    assert np.allclose(made, means) is not drawn
    assert made.min() >= 0
    assert made.max() <= 1


def test_of_many_test_images_some_are_taken_evenly(make_vae, grey, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 10)
    vae = make_vae()
    assert sample_quality(vae, grey, PIXELS, seed=3)["compared_samples"] == 10
    seen = seen_by(vae, grey)
    np.testing.assert_array_equal(seen[10:], grey[np.linspace(0, 59, 10).astype(int)])


def test_what_cannot_be_compared_is_refused(make_vae, grey):
    with pytest.raises(InputError, match=r"Sample quality needs images .* but the model's data is \(16,\)"):
        sample_quality(make_vae((16,)), grey.reshape(-1, 16), PIXELS, seed=0)
    with pytest.raises(InputError, match=r"range from 0 to 2, but"):
        sample_quality(make_vae(), np.float32(2) * np.round(grey), PIXELS, seed=0)
    for few in (0, 1):
        with pytest.raises(InputError, match=f"beside {few} test images: give at least 2"):
            sample_quality(make_vae(), grey[:few], PIXELS, seed=0)
