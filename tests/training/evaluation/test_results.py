import math

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods, objectives, posteriors
from vae_tf.training import evaluation
from vae_tf.training.evaluation import Examples
from vae_tf.training.evaluation import results as results_module

LIKELIHOOD = [
    "log_likelihood",
    "log_likelihood_standard_error_images",
    "log_likelihood_standard_error_draws",
    "importance_samples",
    "effective_sample_size",
    "effective_sample_size_lowest_tenth",
    "log_likelihood_shortfall",
]
BOUND = [
    "elbo",
    "rate",
    "distortion",
    "kl_per_dimension",
    "mutual_information",
    "marginal_kl",
    "mutual_information_standard_error",
    "marginal_kl_standard_error",
]
CODES = ["reconstruction_error", "active_units"]
REST = ["examples", "binarization", "seed", "notes"]
GREY = "a cross-entropy, not a likelihood"
UNTRUSTED = "cannot be trusted"


def measure(vae, x, train=None, labels=None, factors=None, **options) -> dict:
    vae.compile("sgd", run_eagerly=True)
    return evaluation.evaluate(vae, Examples(x, labels, factors), train, **{"samples": 5, "seed": 3, **options})


def test_the_results_are_those_of_the_contract(make_vae, bits):
    vae = make_vae()
    results = measure(vae, bits)
    assert list(results) == [*LIKELIHOOD, "bits_per_dimension", *BOUND, *CODES, *REST]
    assert all(math.isfinite(value) for value in results.values() if isinstance(value, float))
    assert {type(results[name]) for name in ("log_likelihood", "elbo", "rate", "distortion")} == {float}
    assert {type(results[name]) for name in ("active_units", "examples", "importance_samples", "seed")} == {int}

    found = evaluation.LogLikelihood(evaluation.log_likelihood(vae, bits, 5, seed=3))
    assert results["log_likelihood"] == found.mean
    assert results["log_likelihood_standard_error_images"] == found.standard_error_images
    assert results["log_likelihood_standard_error_draws"] == found.standard_error_draws
    assert results["effective_sample_size"] == found.effective_sample_size
    assert results["log_likelihood_shortfall"] == found.shortfall
    logs = vae.evaluate(tf.data.Dataset.from_tensor_slices(bits).batch(8), verbose=0, return_dict=True)
    for name in ("elbo", "rate", "distortion"):
        assert results[name] == pytest.approx(logs[name], rel=0.02)  # the noise is that of other batches
    assert results["elbo"] == pytest.approx(-(results["rate"] + results["distortion"]), rel=1e-5)
    assert sum(results["kl_per_dimension"]) == pytest.approx(results["rate"], rel=1e-4)
    parts = evaluation.aggregated_posterior(vae, bits, seed=3)
    assert {name: results[name] for name in parts._fields} == parts._asdict()
    assert results["active_units"] == evaluation.active_units(evaluation.codes(vae, bits))
    assert results["reconstruction_error"] == evaluation.reconstruction_error(vae, bits)
    assert (results["examples"], results["binarization"], results["seed"]) == (20, "none", 3)


def test_stored_images_are_scaled_and_drawn_once(make_vae, rng):
    grey = rng.integers(0, 256, (20, 4, 4, 1), dtype=np.uint8)
    results = measure(make_vae(), grey, binarization="dynamic")
    assert not any(GREY in note for note in results["notes"])
    assert results["binarization"] == "dynamic"
    assert measure(make_vae(), grey, binarization="static")["log_likelihood"] == results["log_likelihood"]
    assert any(GREY in note for note in measure(make_vae(), grey)["notes"])


def test_a_standard_error_that_is_not_there_is_none_and_not_nan(make_vae, bits):
    results = measure(make_vae(), bits, samples=1)
    assert results["log_likelihood_standard_error_draws"] is None
    assert results["log_likelihood_standard_error_images"] > 0
    one = measure(make_vae(), bits[:1])
    assert one["log_likelihood_standard_error_images"] is None
    assert "mutual_information" not in one


def test_beta_changes_no_result(make_vae, bits):
    one = measure(make_vae(objective=objectives.ELBO(beta=1.0)), bits)
    assert measure(make_vae(objective=objectives.ELBO(beta=7.0)), bits) == one


def test_an_autoencoder_has_neither_likelihood_nor_elbo_nor_rate(make_vae, bits):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    results = measure(vae, bits)
    assert list(results) == ["distortion", *CODES, *REST]
    assert results["notes"] == []
    assert math.isfinite(results["distortion"])


def test_labels_of_both_parts_are_probed(make_vae, bits):
    vae, labels = make_vae(), bits[:, 0, 0, 0]
    results = measure(vae, bits, Examples(bits, labels), labels)
    codes = evaluation.codes(vae, bits)
    probe = evaluation.linear_probe(codes, labels, codes, labels)
    assert (results["linear_probe_accuracy"], results["linear_probe_accuracy_standard_error"]) == probe
    assert "linear_probe_accuracy" not in measure(vae, bits, Examples(bits), labels)
    assert "linear_probe_accuracy" not in measure(vae, bits, Examples(bits, labels))


def test_factors_have_a_gap(make_vae, bits):
    factors = {"first": bits[:, 0, 0, 0].astype(int), "last": bits[:, 3, 3, 0].astype(int)}
    results = measure(make_vae(), bits, factors=factors)
    gaps = results["mutual_information_gap_of_factors"]
    assert list(gaps) == ["first", "last"]
    assert results["mutual_information_gap"] == pytest.approx((gaps["first"] + gaps["last"]) / 2)


def test_samples_are_compared_in_the_space_of_the_features(make_vae, bits):
    space = evaluation.features.Features("pixels", lambda images: np.reshape(images, (len(images), -1)))
    results = measure(make_vae(), bits, features=space)
    assert results["features"] == "pixels"
    assert results["frechet_distance"] > 0


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


def test_an_estimate_that_few_samples_decide_is_not_to_be_trusted(make_vae, bits):
    assert not any(UNTRUSTED in note for note in measure(make_vae(), bits, samples=500)["notes"])
    vae = make_vae()
    vae.posterior.loc.set_weights([np.zeros((5, 2)), np.full(2, 4.0)])  # far from where the prior is
    results = measure(vae, bits, samples=50)
    assert results["effective_sample_size"] < 10
    (note,) = [note for note in results["notes"] if UNTRUSTED in note]
    assert f"too low by about {results['log_likelihood_shortfall']:.2f} nats, or more" in note


@pytest.mark.parametrize("train", [None, "labelled"])
def test_labels_that_do_not_match_are_refused(make_vae, bits, train):
    train = train and Examples(bits, bits[:7, 0, 0, 0])
    labels = bits[:, 0, 0, 0] if train else bits[:7, 0, 0, 0]
    with pytest.raises(InputError, match=r"The (test|training) set has labels of shape \(7,\) for 20 examples: give"):
        measure(make_vae(), bits, train, labels)


def test_factors_that_do_not_match_are_refused(make_vae, bits):
    with pytest.raises(InputError, match=r"The test set has factor 'size' of shape \(3,\) for 20 examples"):
        measure(make_vae(), bits, factors={"size": np.arange(3)})


def test_values_outside_the_support_are_refused(make_vae, bits):
    with pytest.raises(InputError, match=r"the test set is 2\.0 in channel 0"):
        measure(make_vae(), 2 * bits)


@pytest.fixture
def no_samples(monkeypatch):
    """What is refused, is refused before the importance samples are drawn, which take longest."""
    monkeypatch.setattr(results_module, "log_likelihood", lambda *_: pytest.fail("samples were drawn"))


@pytest.mark.usefixtures("no_samples")
@pytest.mark.parametrize("where", ["encoder", "likelihood"])
def test_a_model_whose_measures_are_not_finite_is_refused(make_vae, bits, where):
    vae = make_vae()
    weight = getattr(vae, where).trainable_weights[-1]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(InputError, match="of this model on these 20 examples is not finite: see whether its training"):
        measure(vae, bits)


@pytest.mark.usefixtures("no_samples")
def test_a_model_that_is_not_compiled_is_refused(make_vae, bits):
    with pytest.raises(InputError, match=r"The model is not compiled, .*: call vae.compile.. first"):
        evaluation.evaluate(make_vae(), Examples(bits), samples=5, seed=3)


@pytest.mark.usefixtures("no_samples")
def test_features_of_vectors_are_refused(make_vae, rng):
    features = evaluation.features.Features("flat", lambda images: images)
    vae = make_vae((5,), likelihood=likelihoods.Normal((5,)))
    with pytest.raises(InputError, match="Sample quality needs images"):
        measure(vae, rng.normal(size=(20, 5)).astype(np.float32), features=features)


@pytest.mark.usefixtures("no_samples")
def test_labels_in_other_words_are_refused(make_vae, bits):
    train = Examples(bits, np.array(["zero", "one"])[np.arange(20) % 2])
    with pytest.raises(InputError, match=r"None of the test labels, such as .*0.*, is among the labels, such as .*one"):
        measure(make_vae(), bits, train, labels=np.arange(20) % 2)


def test_labels_of_one_class_have_no_probe_and_a_note(make_vae, bits):
    results = measure(make_vae(), bits, Examples(bits, np.zeros(20)), labels=np.zeros(20))
    assert "linear_probe_accuracy" not in results
    assert "there is no linear probe: the training examples have one label alone" in results["notes"]


def test_factors_that_do_not_vary_are_left_out_with_a_note(make_vae, bits):
    results = measure(make_vae(), bits, factors={"shape": np.arange(20) % 2, "size": np.ones(20, int)})
    assert list(results["mutual_information_gap_of_factors"]) == ["shape"]
    assert "the mutual information gap leaves out size, which is the same for all examples" in results["notes"]


def test_one_latent_dimension_has_no_gap_and_a_note(make_vae, bits):
    results = measure(make_vae(latent_size=1), bits, factors={"shape": np.arange(20) % 2})
    assert "mutual_information_gap" not in results
    assert "there is no mutual information gap: it needs at least 2 latent dimensions" in results["notes"]


@pytest.mark.parametrize("kind", ["float64", "float16", "int64", "bool", "tensor", "list"])
def test_an_array_of_numbers_of_any_dtype_gives_what_examples_of_float32_give(make_vae, bits, kind):
    given = {"tensor": tf.constant, "list": np.ndarray.tolist}.get(kind, lambda x: x.astype(kind))(bits)
    vae = make_vae()
    expected = measure(vae, bits)
    assert evaluation.evaluate(vae, given, samples=5, seed=3) == expected
    if kind != "list":
        assert measure(vae, given) == expected


def test_an_array_is_not_scaled_as_what_is_stored_is(make_vae, bits):
    vae = make_vae()
    pixels = np.uint8(255 * bits)
    expected = measure(vae, pixels)
    with pytest.raises(InputError, match=r"the test set is 255 in channel .*uint8 images: x / 255"):
        evaluation.evaluate(vae, pixels)
    assert evaluation.evaluate(vae, pixels / 255.0, samples=5, seed=3) == expected


def test_labels_and_factors_may_be_lists(make_vae, bits):
    y = np.arange(20) % 2
    expected = measure(make_vae(), bits, Examples(bits, y), y, {"parity": y})
    lists = y.tolist()
    assert measure(make_vae(), bits, Examples(bits, lists), lists, {"parity": lists}) == expected


@pytest.mark.parametrize("given", [np.zeros((0, 4, 4, 1), np.float32), Examples(np.zeros((0, 4, 4, 1), np.uint8))])
def test_no_examples_are_refused(make_vae, bits, given):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match=r"The test set has shape \(0, 4, 4, 1\): give at least one example"):
        evaluation.evaluate(vae, given)
    with pytest.raises(InputError, match="The training set has shape"):
        evaluation.evaluate(vae, bits, given)


def test_a_saturated_mutual_information_is_said_to_be(make_vae, bits):
    vae = make_vae()
    assert not any("saturated" in note for note in measure(vae, bits)["notes"])
    x = np.unique(bits.reshape(20, -1), axis=0).reshape(-1, *bits.shape[1:])
    vae.posterior.log_variance.set_weights([np.zeros((5, 2)), np.full(2, -15.0)])
    results = measure(vae, x)
    assert results["mutual_information_standard_error"] is None
    (note,) = [note for note in results["notes"] if "saturated" in note]
    assert f"no more than log {len(x)} = {math.log(len(x)):.2f} nats" in note


# ----- Codes that are no vector of real numbers


def test_a_ladder_has_the_rate_of_each_rung_and_nothing_of_single_dimensions(make_structured, bits):
    vae, labels = make_structured("ladder"), np.arange(20) % 2
    results = measure(vae, bits, Examples(bits, labels), labels, {"shape": labels})
    assert results["rate_by_rung"] == evaluation.rate_by_rung(vae, bits).tolist()
    assert sum(results["rate_by_rung"]) == pytest.approx(results["rate"], abs=1e-3)
    assert 0 <= results["linear_probe_accuracy"] <= 1
    gone = {"kl_per_dimension", "active_units", "mutual_information", "mutual_information_gap", "perplexity"}
    assert not gone & set(results)
    for what in ("active_units, mutual_information and marginal_kl are", "mutual_information_gap is"):
        assert (
            f"{what} left out: the codes are those of several layers, and rate_by_rung says which are used"
            in results["notes"]
        )


@pytest.mark.parametrize("kind", ["vq", "fsq", "relaxed"])
def test_discrete_codes_are_counted_and_their_vectors_probed(make_structured, bits, kind, monkeypatch):
    vae, labels = make_structured(kind), np.arange(20) % 2
    probed = []
    probe = results_module.linear_probe
    monkeypatch.setattr(results_module, "linear_probe", lambda *given: probed.append(given) or probe(*given))
    results = measure(vae, bits, Examples(bits, labels), labels, {"shape": labels}, samples=50)
    codes = evaluation.codes(vae, bits)
    usage = evaluation.code_usage(codes, 6)
    assert (results["perplexity"], results["codes_in_use"]) == (usage.perplexity, usage.in_use)
    assert results["codes_in_use_share"] == usage.in_use / 6
    assert results["dead_codes"] == 6 - usage.in_use  # the same examples
    np.testing.assert_array_equal(probed[0][2], vae.vectors(codes))
    assert not {"active_units", "mutual_information", "mutual_information_gap", "rate_by_rung"} & set(results)
    for what in ("active_units, mutual_information and marginal_kl are", "mutual_information_gap is"):
        assert (
            f"{what} left out: the codes are whole numbers, and perplexity says how many of them are in use"
            in results["notes"]
        )


@pytest.mark.parametrize("kind", ["vq", "fsq"])
def test_one_draw_says_all_of_a_code_that_alone_stands_for_an_example(make_structured, bits, kind):
    results = measure(make_structured(kind), bits, samples=50)
    assert results["importance_samples"] == 1
    assert results["log_likelihood"] == pytest.approx(results["elbo"], rel=1e-6)
    assert results["rate"] == pytest.approx(4 * math.log(6), rel=1e-6)
    assert results["log_likelihood_standard_error_draws"] is None
    assert any("importance samples add nothing" in note for note in results["notes"])
    assert "dead_codes" not in results  # there are no training examples


def test_a_grid_of_real_numbers_has_all_of_it(make_structured, bits):
    results = measure(make_structured("grid"), bits)
    assert list(results) == [*LIKELIHOOD, "bits_per_dimension", *BOUND, *CODES, *REST]
    assert len(results["kl_per_dimension"]) == 4


def test_long_codes_are_probed_on_fewer_examples(make_structured, bits, monkeypatch):
    monkeypatch.setattr(results_module, "PROBED_VALUES", 50)  # of 10 each
    probed = []
    found = evaluation.LinearProbe(0.5, 0.1)
    monkeypatch.setattr(results_module, "linear_probe", lambda *given: probed.append(given) or found)
    labels = np.arange(20) % 2
    measure(make_structured("ladder"), bits, Examples(bits, labels), labels)
    assert len(probed[0][0]) == 5
