"""Every measure of a model with conditions, beside its closed form."""

import importlib
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import VAE, InputError, networks, objectives, posteriors, priors, random
from vae_tf.training import evaluation
from vae_tf.training.evaluation import Examples

module = importlib.import_module("vae_tf.training.evaluation.sample_quality")  # of one name with its function

PLACES = [{"decoder": True}, {"decoder": False, "prior": True}, {"prior": True, "encoder": False}]


@pytest.mark.parametrize("places", PLACES[:2], ids=str)
def test_the_log_likelihood_is_that_of_x_given_the_label(linear_normal, places):
    model = linear_normal(**places)
    found = evaluation.log_likelihood(model.vae, model.batch, 3, seed=1)
    np.testing.assert_allclose(found.log_prob, model.log_prob[model.label, np.arange(60)], atol=1e-4)
    wider = linear_normal(**places, widened=1.3)
    found = evaluation.log_likelihood(wider.vae, wider.batch, 3_000, seed=1)
    np.testing.assert_allclose(found.log_prob, wider.log_prob[wider.label, np.arange(60)], atol=0.1)


@pytest.mark.parametrize("places", PLACES[:2], ids=str)
def test_the_kl_per_dimension_is_to_the_prior_of_the_label(linear_normal, places):
    model = linear_normal(**places)
    expected = (
        np.log(model.prior_scale / np.sqrt(model.variance))
        + (model.variance + (model.loc - model.prior_loc) ** 2) / (2 * model.prior_scale**2)
        - 1 / 2
    ).mean(axis=0)
    for batch_size in (7, 1_000):
        np.testing.assert_allclose(evaluation.kl_per_dimension(model.vae, model.batch, batch_size), expected, rtol=1e-4)


@pytest.mark.parametrize("places", PLACES[:2], ids=str)
def test_codes_and_reconstructions_are_those_of_the_label(linear_normal, places, linear_map):
    model = linear_normal(**places)
    error = np.mean((model.x - model.loc @ linear_map.T - model.shift) ** 2)
    for batch_size in (7, 1_000):
        np.testing.assert_allclose(evaluation.codes(model.vae, model.batch, batch_size), model.loc, atol=1e-5)
        found = evaluation.reconstruction_error(model.vae, model.batch, batch_size)
        assert found == pytest.approx(error, rel=1e-4)


def test_codes_need_the_conditions_of_the_encoder_alone(linear_normal):
    model = linear_normal(encoder=False)
    expected = evaluation.codes(model.vae, model.batch)
    np.testing.assert_array_equal(evaluation.codes(model.vae, model.x), expected)
    model = linear_normal()
    with pytest.raises(InputError, match=r"x is a ndarray; this model takes a dictionary of 'x' .* and 'label'"):
        evaluation.codes(model.vae, model.x)


def test_the_aggregated_posterior_is_over_examples_with_their_labels(linear_normal):
    model = linear_normal()
    scale = np.sqrt(model.variance)
    seeds = random.pair(5, random.Purpose.AGGREGATED_POSTERIOR, np.arange(60))
    z = model.loc + scale * random.normal_rows([2], seeds).numpy()
    all_pairs = stats.norm.logpdf(z[:, None], model.loc, scale).sum(axis=-1)  # log q(z_i|x_j, label_j)
    aggregated = special.logsumexp(all_pairs, axis=1) - np.log(60)
    found = evaluation.aggregated_posterior(model.vae, model.batch, seed=5)
    assert found.mutual_information == pytest.approx((np.diag(all_pairs) - aggregated).mean(), abs=1e-4)
    prior = stats.norm.logpdf(z).sum(axis=-1)
    assert found.marginal_kl == pytest.approx((aggregated - prior).mean(), abs=1e-4)


def test_there_is_no_aggregated_posterior_beside_a_prior_for_each_label(linear_normal):
    model = linear_normal(prior=True)
    assert evaluation.aggregated_posterior(model.vae, model.batch, seed=5) is None


@pytest.mark.parametrize("kind", ["list", "tensor", "int64", "float64", "uint8"])
def test_labels_of_every_kind_give_what_int32_gives(linear_normal, kind):
    model = linear_normal()
    convert = {"list": np.ndarray.tolist, "tensor": tf.constant}.get(kind, lambda label: label.astype(kind))
    x = model.x.tolist() if kind == "list" else tf.constant(model.x) if kind == "tensor" else model.x
    batch = {"x": x, "label": convert(model.label)}
    for measure in (
        evaluation.codes,
        evaluation.kl_per_dimension,
        evaluation.reconstruction_error,
        lambda vae, x: evaluation.log_likelihood(vae, x, 2, seed=0).log_prob,
        lambda vae, x: evaluation.aggregated_posterior(vae, x, seed=0),
        lambda vae, x: evaluation.label_accuracy(vae, x, 2, seed=0),
    ):
        np.testing.assert_array_equal(measure(model.vae, batch), measure(model.vae, model.batch))


# ----- Samples


LABELS = np.array([2, 0, 0, 1, 0, 2, 0, 0, 1, 0])


@pytest.fixture(params=["decoder", "prior"])
def of_images(request) -> VAE:
    """A model of images whose label changes them."""
    keras.utils.set_random_seed(1)
    label = networks.Label(3, decoder=request.param == "decoder")
    prior = priors.ConditionalNormal(2) if request.param == "prior" else None
    vae = VAE(*networks.mlp((4, 4, 1), 2, hidden=(5,), conditions={"label": label}), prior=prior)
    if prior is not None:
        prior.loc.set_weights([np.array([[-3.0, 0], [0, 3], [3, -3]]), np.zeros(2)])
    return vae


def test_samples_have_the_labels_of_the_test_set(of_images, rng):
    x, seen = rng.random((10, 4, 4, 1), np.float32), []
    features = evaluation.features.Features("pixels", lambda images: seen.append(images) or images)
    results = evaluation.sample_quality(of_images, {"x": x, "label": LABELS}, features, seed=3)
    made, real = seen
    np.testing.assert_allclose(made, of_images.sample(10, 3, label=LABELS), atol=1e-6)
    np.testing.assert_array_equal(real, x)
    assert np.abs(made - of_images.sample(10, 3, label=0)).max() > 0.01  # the label matters
    assert results["compared_samples"] == 10


def test_of_many_test_images_the_labels_are_those_of_the_images_taken(of_images, rng, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 6)
    monkeypatch.setattr(module, "CHUNK", 4)
    x, seen = rng.random((10, 4, 4, 1), np.float32), []
    features = evaluation.features.Features("pixels", lambda images: seen.append(images) or images)
    evaluation.sample_quality(of_images, {"x": x, "label": LABELS.tolist()}, features, seed=3)
    chosen = np.linspace(0, 9, 6).astype(int)
    *made, real = seen
    np.testing.assert_allclose(np.concatenate(made), of_images.sample(6, 3, label=LABELS[chosen]), atol=1e-6)
    np.testing.assert_array_equal(real, x[chosen])


# ----- The results


def measured(model, train=None, **options) -> dict:
    model.vae.compile("sgd", run_eagerly=True)
    return evaluation.evaluate(model.vae, Examples(model.batch, model.label), train, samples=5, seed=3, **options)


LABEL_ACCURACY = [
    "label_accuracy",
    "label_accuracy_standard_error",
    "label_accuracy_examples",
    "label_accuracy_importance_samples",
]
GIVEN = "log_likelihood and elbo are of p(x|label), not of p(x)"


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_the_results_are_of_x_given_the_label(linear_normal, places):
    model = linear_normal(**places)
    results = measured(model, Examples(model.batch, model.label))
    json.dumps(results, allow_nan=False)
    likelihood = evaluation.LogLikelihood(evaluation.log_likelihood(model.vae, model.batch, 5, seed=3))
    assert results["log_likelihood"] == likelihood.mean
    accuracy = evaluation.label_accuracy(model.vae, model.batch, 5, seed=3)
    assert tuple(results[name] for name in LABEL_ACCURACY) == accuracy
    assert results["conditions"] == ["label"]
    assert any(GIVEN in note for note in results["notes"])
    assert ("mutual_information" in results) is ("prior" not in places)
    assert sum(results["kl_per_dimension"]) == pytest.approx(results["rate"], rel=1e-4)
    codes = evaluation.codes(model.vae, model.batch)
    probe = evaluation.linear_probe(codes, model.label, codes, model.label)
    assert results["linear_probe_accuracy"] == probe.accuracy
    assert results["active_units"] == 2
    assert results["examples"] == 60


def test_a_dictionary_gives_what_examples_give(linear_normal):
    model = linear_normal()
    expected = measured(model)
    for batch in (model.batch, {"x": model.x.tolist(), "label": model.label.tolist()}):
        assert evaluation.evaluate(model.vae, batch, samples=5, seed=3) == expected


def test_the_bound_is_that_of_the_exact_posterior(linear_normal):
    model = linear_normal()  # whose bound is log p(x|label), up to the noise of the draws
    results = measured(model)
    exact = model.log_prob[model.label, np.arange(60)].mean()
    assert results["log_likelihood"] == pytest.approx(exact, abs=1e-4)
    assert results["elbo"] == pytest.approx(exact, abs=0.5)


def test_stored_images_are_scaled_beside_their_labels(of_images, rng):
    grey = rng.integers(0, 256, (10, 4, 4, 1), dtype=np.uint8)
    of_images.compile("sgd", run_eagerly=True)
    options = {"samples": 3, "seed": 3, "binarization": "static"}
    results = evaluation.evaluate(of_images, Examples({"x": grey, "label": LABELS}), **options)
    x = {"x": grey / np.float32(255), "label": LABELS}
    assert evaluation.evaluate(of_images, Examples(x), **options)["examples"] == 10
    assert math.isfinite(results["log_likelihood"])
    assert results["bits_per_dimension"] == pytest.approx(-results["log_likelihood"] / 16 / math.log(2))


def test_a_plain_autoencoder_has_conditions_and_no_likelihood(rng):
    vae = VAE(
        *networks.mlp((4, 4, 1), 2, hidden=(5,), conditions={"label": networks.Label(3)}),
        posterior=posteriors.Deterministic(2),
        objective=objectives.Reconstruction(),
    )
    vae.compile("sgd", run_eagerly=True)
    x = rng.integers(0, 2, (10, 4, 4, 1)).astype(np.float32)
    results = evaluation.evaluate(vae, {"x": x, "label": LABELS})
    assert results["conditions"] == ["label"]
    assert results["notes"] == []
    assert not {"log_likelihood", "label_accuracy"} & set(results)


def test_conditions_of_the_encoder_alone_leave_the_likelihood_that_of_x(rng):
    label = networks.Label(3, decoder=False)
    vae = VAE(*networks.mlp((4, 4, 1), 2, hidden=(5,), conditions={"label": label}))
    vae.compile("sgd", run_eagerly=True)
    x = rng.integers(0, 2, (10, 4, 4, 1)).astype(np.float32)
    results = evaluation.evaluate(vae, {"x": x, "label": LABELS}, samples=3)
    assert "log_likelihood" in results
    assert not {"conditions", "label_accuracy"} & set(results)
    assert not any("not of p(x)" in note for note in results["notes"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda model: model.x, "the test set is a ndarray; this model takes a dictionary of 'x' .* and 'label'"),
        (lambda model: {"x": model.x}, "the test set is a dictionary of 'x'; .*: give 'label'"),
        (lambda model: {**model.batch, "angle": model.x}, ".*: leave 'angle' out"),
        (lambda model: {"x": model.x, "label": model.label[:7]}, "label of the test set has 7 rows, and there are 60"),
        (lambda model: {"x": model.x, "label": 1 + model.label}, "label of the test set is 4 in row 3: give whole"),
    ],
)
@pytest.mark.parametrize("wrap", [Examples, lambda batch: batch], ids=["Examples", "array"])
def test_conditions_that_do_not_match_are_refused(linear_normal, given, sentence, wrap):
    model = linear_normal()
    model.vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match=sentence):
        evaluation.evaluate(model.vae, wrap(given(model)), samples=5)


def test_conditions_of_a_model_without_are_refused(make_vae, bits):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match=r"the test set is a dictionary of 'x', 'label'; .*such as x\['x'\]"):
        evaluation.evaluate(vae, Examples({"x": bits, "label": np.arange(20)}), samples=5)
