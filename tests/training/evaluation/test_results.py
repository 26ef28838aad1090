import math

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import likelihoods, objectives, posteriors
from vae_tf.training import datasets, evaluation

LIKELIHOOD = [
    "log_likelihood",
    "log_likelihood_standard_error_images",
    "log_likelihood_standard_error_draws",
    "importance_samples",
]
REST = ["active_units", "examples", "binarization", "seed", "notes"]
GREY = "a cross-entropy, not a likelihood"


def measure(vae, x, **options) -> dict:
    vae.compile("sgd", run_eagerly=True)
    batches = datasets.evaluation_batches(x, 8, seed=0, binarization="none")
    options = {"samples": 5, "binarization": "static", "seed": 3, **options}
    return evaluation.evaluate(vae, batches, **options)


def test_the_results_are_those_of_the_contract(make_vae, bits):
    vae = make_vae()
    results = measure(vae, bits)
    assert list(results) == [*LIKELIHOOD, "bits_per_dimension", "elbo", "rate", "distortion", *REST]
    assert all(math.isfinite(value) for value in results.values() if isinstance(value, float))
    assert {type(results[name]) for name in ("log_likelihood", "elbo", "rate", "distortion")} == {float}
    assert {type(results[name]) for name in ("active_units", "examples", "importance_samples", "seed")} == {int}

    estimate = evaluation.log_likelihood(vae, bits, 5, seed=3)
    assert [results[name] for name in LIKELIHOOD] == [*estimate, 5]
    logs = vae.evaluate(tf.data.Dataset.from_tensor_slices(bits).batch(8), verbose=0, return_dict=True)
    assert {name: results[name] for name in ("elbo", "rate", "distortion")} == pytest.approx(
        {name: logs[name] for name in ("elbo", "rate", "distortion")}, rel=1e-6
    )
    assert results["elbo"] == pytest.approx(-(results["rate"] + results["distortion"]), rel=1e-5)
    assert results["active_units"] == evaluation.active_units(vae, bits)
    assert (results["examples"], results["binarization"], results["seed"]) == (20, "static", 3)


def test_a_standard_error_that_is_not_there_is_none_and_not_nan(make_vae, bits):
    results = measure(make_vae(), bits, samples=1)
    assert results["log_likelihood_standard_error_draws"] is None
    assert results["log_likelihood_standard_error_images"] > 0
    assert measure(make_vae(), bits[:1])["log_likelihood_standard_error_images"] is None


def test_beta_changes_no_result(make_vae, bits):
    one = measure(make_vae(objective=objectives.ELBO(beta=1.0)), bits)
    assert measure(make_vae(objective=objectives.ELBO(beta=7.0)), bits) == one


def test_an_autoencoder_has_neither_likelihood_nor_elbo_nor_rate(make_vae, bits):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    results = measure(vae, bits)
    assert list(results) == ["distortion", *REST]
    assert results["notes"] == []
    assert math.isfinite(results["distortion"])


def test_grey_values_under_a_bernoulli_are_noted(make_vae, bits):
    grey = bits.copy()
    grey[17, 3, 2] = 0.5
    assert any(GREY in note for note in measure(make_vae(), grey)["notes"])
    assert not any(GREY in note for note in measure(make_vae(), bits)["notes"])


def test_bits_per_dimension_are_of_probabilities_alone(make_vae, bits):
    results = measure(make_vae(), bits)
    assert results["bits_per_dimension"] == pytest.approx(-results["log_likelihood"] / 16 / math.log(2))
    levels = measure(make_vae(likelihood=likelihoods.DiscretizedLogisticMixture((4, 4, 1))), bits)
    assert "bits_per_dimension" in levels
    grey = np.clip(bits, 0.2, 0.8)
    assert "bits_per_dimension" not in measure(make_vae(), grey)
    assert "bits_per_dimension" not in measure(make_vae(likelihood=likelihoods.Normal((4, 4, 1))), grey)


@pytest.mark.parametrize("likelihood", [likelihoods.ContinuousBernoulli, likelihoods.Normal])
def test_grey_values_under_a_density_are_not_noted(make_vae, bits, likelihood):
    results = measure(make_vae(likelihood=likelihood((4, 4, 1))), np.clip(bits, 0.2, 0.8))
    assert not any(GREY in note for note in results["notes"])


def test_that_the_estimate_is_biased_low_is_noted(make_vae, bits):
    assert any("rises with importance_samples" in note for note in measure(make_vae(), bits)["notes"])
